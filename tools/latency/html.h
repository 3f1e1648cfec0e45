// Pieces of a self-contained HTML page: escaped text, tables, charts as inline SVG. No script, and
// nothing is fetched. Colours are CSS classes c0..c7, light and dark.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::latency {

std::string escaped(std::string_view text);

struct Series {
  std::string name;
  int colour = 0;
  std::vector<std::pair<double, double>> points;
};
struct Tick {
  double at = 0;  // in the axis's own coordinates
  std::string label;
};
struct Axis {
  double from = 0;
  double to = 1;
  std::vector<Tick> ticks;
};
// A vertical mark in a chart, with a tooltip.
struct Marker {
  double at = 0;
  double height = 1;  // of the plot, 0 to 1
  std::string title;
};
struct LineChart {
  std::string label;  // for screen readers
  Axis x;
  Axis y;  // values outside are cut
  std::vector<Series> series;
  std::vector<Marker> markers;
  int height = 280;
};
std::string line_chart(const LineChart& chart);

// Horizontal bars, each of parts one after the other.
struct BarPart {
  std::string name;
  int colour = 0;
  double value = 0;
  std::string title;
};
struct Bar {
  std::string label;
  std::string total;
  std::vector<BarPart> parts;
};
std::string stacked_bars(const std::vector<Bar>& bars);

// Cells are text; the first column is left-aligned.
std::string table(const std::vector<std::string>& head,
                  const std::vector<std::vector<std::string>>& rows);

// A logarithmic axis of nanoseconds from one decade to another, around the values.
Axis log_time_axis(double min_ns, double max_ns);
double log_time(double ns);  // coordinate on it

std::string page(std::string_view title, std::string_view body);

}  // namespace weir::latency
