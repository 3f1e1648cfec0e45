#include "tools/latency/html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/latency/units.h"

namespace weir::latency {
namespace {

constexpr int kWidth = 920;
constexpr int kLeft = 70;
constexpr int kRight = 26;
constexpr int kTop = 12;
constexpr int kBottom = 30;

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#5b6570;--line:#d8dee4;
--card:#f6f8fa;
--c0:#0969da;--c1:#bf5700;--c2:#1a7f37;--c3:#8250df;--c4:#cf222e;--c5:#0e8a8a;--c6:#1b1f24;
--c7:#9a6700}
@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#30363d;
--card:#161b22;
--c0:#4493f8;--c1:#f0883e;--c2:#3fb950;--c3:#ab7df8;--c4:#f85149;--c5:#39c5cf;--c6:#e6edf3;
--c7:#d29922}}
body{margin:0 auto;max-width:60rem;padding:1.5rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .3rem}p{margin:.3rem 0;
color:var(--dim)}
.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.5rem .9rem;
min-width:6.5rem}
.tile b{display:block;font-size:1.15rem;font-variant-numeric:tabular-nums}
.tile span{color:var(--dim);font-size:.85rem}
.note{border-left:3px solid var(--c7);padding-left:.7rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;
width:100%}
th,td{text-align:right;padding:.2rem .7rem;border-bottom:1px solid var(--line);
white-space:nowrap}
th{font-weight:600;color:var(--dim)}th:first-child,td:first-child{text-align:left;
overflow-wrap:anywhere;white-space:normal}
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);
font:12px system-ui,sans-serif}
.grid{stroke:var(--line);stroke-width:1}.curve{fill:none;stroke-width:2;stroke-linejoin:round}
.mark{stroke:var(--c4);stroke-width:2}.legend{display:flex;flex-wrap:wrap;gap:.2rem 1rem;
color:var(--dim);font-size:.9rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.35rem;
vertical-align:-1px}
)css";

double part_of(double value, const Axis& axis) {
  const double span = axis.to - axis.from;
  return span > 0 ? std::clamp((value - axis.from) / span, 0.0, 1.0) : 0;
}

std::string legend(const std::vector<std::pair<std::string, int>>& names) {
  std::string out = "<div class=\"legend\">";
  for (const auto& [name, colour] : names) {
    out += fmt::format("<span><i style=\"background:var(--c{})\"></i>{}</span>", colour,
                       escaped(name));
  }
  return out + "</div>";
}

std::string grid(const LineChart& chart, int plot_width, int plot_height) {
  std::string out;
  for (const Tick& tick : chart.y.ticks) {
    const double y = kTop + (1 - part_of(tick.at, chart.y)) * plot_height;
    out += fmt::format(
        "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>",
        kLeft, kLeft + plot_width, y, y, kLeft - 6, y + 4, escaped(tick.label));
  }
  for (const Tick& tick : chart.x.ticks) {
    const double x = kLeft + part_of(tick.at, chart.x) * plot_width;
    out += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        x, x, kTop, kTop + plot_height, x, kTop + plot_height + 18, escaped(tick.label));
  }
  return out;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        // Control characters have no place in a page; the rest is the file's UTF-8.
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? '?' : c;
    }
  }
  return out;
}

std::string line_chart(const LineChart& chart) {
  const int plot_width = kWidth - kLeft - kRight;
  const int plot_height = chart.height - kTop - kBottom;
  std::string out = fmt::format("<svg role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {} {}\">",
                                escaped(chart.label), kWidth, chart.height);
  out += grid(chart, plot_width, plot_height);
  for (const Marker& marker : chart.markers) {
    const double x = kLeft + part_of(marker.at, chart.x) * plot_width;
    const double y = kTop + (1 - std::clamp(marker.height, 0.02, 1.0)) * plot_height;
    out += fmt::format(
        "<line class=\"mark\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{}\">"
        "<title>{}</title></line>",
        x, x, y, kTop + plot_height, escaped(marker.title));
  }
  std::vector<std::pair<std::string, int>> names;
  for (const Series& series : chart.series) {
    std::string points;
    for (const auto& [x, y] : series.points) {
      points += fmt::format("{:.1f},{:.1f} ", kLeft + part_of(x, chart.x) * plot_width,
                            kTop + (1 - part_of(y, chart.y)) * plot_height);
    }
    out += fmt::format(
        "<polyline class=\"curve\" style=\"stroke:var(--c{})\" points=\"{}\"><title>{}</title>"
        "</polyline>",
        series.colour, points, escaped(series.name));
    names.emplace_back(series.name, series.colour);
  }
  return legend(names) + out + "</svg>\n";
}

std::string stacked_bars(const std::vector<Bar>& bars) {
  constexpr int kBarHeight = 26;
  constexpr int kGap = 10;
  constexpr int kTotalWidth = 90;
  const int width = kWidth - kLeft - kTotalWidth;
  std::string out = fmt::format(
      "<svg role=\"img\" aria-label=\"stages of frames about each percentile\" viewBox=\"0 0 {} "
      "{}\">",
      kWidth, static_cast<int>(bars.size()) * (kBarHeight + kGap));
  std::vector<std::pair<std::string, int>> names;
  int y = 0;
  for (const Bar& bar : bars) {
    double sum = 0;
    for (const BarPart& part : bar.parts) sum += part.value;
    double x = kLeft;
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kLeft - 6, y + 18,
                       escaped(bar.label));
    for (const BarPart& part : bar.parts) {
      const double length = sum > 0 ? part.value / sum * width : 0;
      out += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" style=\"fill:var(--c{})\">"
          "<title>{}</title></rect>",
          x, y, length, kBarHeight, part.colour, escaped(part.title));
      x += length;
      const std::pair<std::string, int> name{part.name, part.colour};
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    out += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>", kLeft + width + 6, y + 18,
                       escaped(bar.total));
    y += kBarHeight + kGap;
  }
  return legend(names) + out + "</svg>\n";
}

std::string table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<div class=\"wide\"><table><tr>";
  for (const std::string& cell : head) out += "<th>" + escaped(cell) + "</th>";
  out += "</tr>\n";
  for (const auto& row : rows) {
    out += "<tr>";
    for (const std::string& cell : row) out += "<td>" + escaped(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</table></div>\n";
}

double log_time(double ns) { return std::log10(std::max(ns, 1.0)); }

Axis log_time_axis(double min_ns, double max_ns) {
  Axis axis;
  axis.from = std::floor(log_time(min_ns));
  axis.to = std::max(std::ceil(log_time(max_ns)), axis.from + 1);
  for (double at = axis.from; at <= axis.to; ++at) {
    axis.ticks.push_back({at, time_text(std::pow(10, at))});
  }
  return axis;
}

std::string page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
      "<title>{}</title><style>{}</style></head>\n<body>\n{}</body></html>\n",
      escaped(title), kStyle, body);
}

}  // namespace weir::latency
