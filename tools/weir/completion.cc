// weir completion: scripts for shells, written from the command tree. Each shell gets the same
// idea: follow the words typed so far down the tree to a place, and offer what that place takes.
#include <fmt/format.h>

#include <functional>
#include <string>
#include <vector>

#include "tools/weir/commands.h"
#include "tools/weir/context.h"
#include "tools/weir/version.h"

namespace weir::cli {
namespace {

// Calls `visit` for each command that is built and shown, with its words ("weir node create").
void walk(const CommandSpec& command, const std::string& path,
          const std::function<void(const CommandSpec&, const std::string&)>& visit) {
  visit(command, path);
  for (const CommandSpec& sub : command.subcommands) {
    if (sub.is_built && !sub.is_hidden) walk(sub, path + " " + sub.name, visit);
  }
}

std::vector<const OptionSpec*> shown_options(const CommandSpec& command) {
  std::vector<const OptionSpec*> shown;
  for (const auto* options : {&command.options, &global_options()}) {
    for (const OptionSpec& spec : *options) {
      if (!spec.is_hidden) shown.push_back(&spec);
    }
  }
  return shown;
}

// Subcommands and options, separated by blanks.
std::string words_of(const CommandSpec& command) {
  std::string words;
  for (const CommandSpec& sub : command.subcommands) {
    if (sub.is_built && !sub.is_hidden) words += sub.name + " ";
  }
  for (const OptionSpec* spec : shown_options(command)) {
    if (spec->letter != 0) words += fmt::format("-{} ", spec->letter);
    words += "--" + spec->name + " ";
  }
  words.pop_back();
  return words;
}

std::string all_paths(const CommandSpec& root) {
  std::string paths;
  walk(root, kProgramName, [&](const CommandSpec&, const std::string& path) {
    paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", path);
  });
  return paths;
}

std::string cases(const CommandSpec& root) {
  std::string out;
  walk(root, kProgramName, [&](const CommandSpec& command, const std::string& path) {
    out += fmt::format("    \"{}\") words=\"{}\" ;;\n", path, words_of(command));
  });
  return out;
}

std::string bash_script(const CommandSpec& root) {
  return fmt::format(R"(_weir() {{
  local cur="${{COMP_WORDS[COMP_CWORD]}}" place=weir words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$place ${{COMP_WORDS[i]}}" in
      {}) place="$place ${{COMP_WORDS[i]}}" ;;
    esac
  done
  case "$place" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _weir weir
)",
                     all_paths(root), cases(root));
}

std::string zsh_script(const CommandSpec& root) {
  return fmt::format(R"(#compdef weir
_weir() {{
  local place=weir list="" i
  for ((i = 2; i < CURRENT; i++)); do
    case "$place ${{words[i]}}" in
      {}) place="$place ${{words[i]}}" ;;
    esac
  done
  case "$place" in
{}  esac
  compadd -- ${{=list}} || _files
}}
if [ "$funcstack[1]" = "_weir" ]; then
  _weir "$@"
else
  compdef _weir weir
fi
)",
                     all_paths(root), [&] {
                       std::string text = cases(root);
                       for (std::size_t at = 0; (at = text.find(") words=", at)) != text.npos;) {
                         text.replace(at, 8, ") list=");
                       }
                       return text;
                     }());
}

std::string fish_quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find_first_of("'\\", at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return "'" + text + "'";
}

std::string fish_script(const CommandSpec& root) {
  std::string out = R"(function __weir_place
  set -l place weir
  for word in (commandline -opc)[2..-1]
    if contains -- "$place $word" $__weir_places
      set place "$place $word"
    end
  end
  test "$place" = "$argv[1]"
end
)";
  std::string places = "set -g __weir_places";
  std::string lines;
  walk(root, kProgramName, [&](const CommandSpec& command, const std::string& path) {
    places += " '" + path + "'";
    const std::string here = fmt::format("complete -c weir -n '__weir_place \"{}\"'", path);
    for (const CommandSpec& sub : command.subcommands) {
      if (!sub.is_built || sub.is_hidden) continue;
      lines += fmt::format("{} -f -a {} -d {}\n", here, sub.name, fish_quoted(sub.about));
    }
    for (const OptionSpec* spec : shown_options(command)) {
      lines += fmt::format("{} -l {}{}{} -d {}\n", here, spec->name,
                           spec->letter != 0 ? fmt::format(" -s {}", spec->letter) : "",
                           spec->takes_value() ? " -r" : "", fish_quoted(spec->help));
    }
  });
  return out + places + "\n" + lines;
}

// What one place takes: a word and what it is.
struct Offer {
  std::string word;
  std::string about;
  bool is_option = false;
};

std::vector<Offer> offers_of(const CommandSpec& command) {
  std::vector<Offer> offers;
  for (const CommandSpec& sub : command.subcommands) {
    if (sub.is_built && !sub.is_hidden) offers.push_back({sub.name, sub.about, false});
  }
  for (const OptionSpec* spec : shown_options(command)) {
    if (spec->letter != 0) offers.push_back({fmt::format("-{}", spec->letter), spec->help, true});
    offers.push_back({"--" + spec->name, spec->help, true});
  }
  return offers;
}

// In Elvish and PowerShell a quote within quotes is written twice.
std::string quoted_twice(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2) {
    text.insert(at, "'");
  }
  return "'" + text + "'";
}

std::string elvish_script(const CommandSpec& root) {
  std::string places;
  walk(root, kProgramName, [&](const CommandSpec& command, const std::string& path) {
    places += fmt::format("    &{}= {{\n", quoted_twice(path));
    for (const Offer& offer : offers_of(command)) {
      places +=
          fmt::format("      offer {} {}\n", quoted_twice(offer.word), quoted_twice(offer.about));
    }
    places += "    }\n";
  });
  return fmt::format(R"(set edit:completion:arg-completer[weir] = {{|@words|
  fn offer {{|word about|
    edit:complex-candidate $word &display=$word'  '$about
  }}
  var places = [
{}  ]
  var place = weir
  for word $words[1..-1] {{
    if (has-key $places $place' '$word) {{
      set place = $place' '$word
    }}
  }}
  $places[$place]
}}
)",
                     places);
}

std::string powershell_script(const CommandSpec& root) {
  std::string names;
  std::string places;
  walk(root, kProgramName, [&](const CommandSpec& command, const std::string& path) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", quoted_twice(path));
    places += fmt::format("    {} {{\n", quoted_twice(path));
    for (const Offer& offer : offers_of(command)) {
      // PSReadLine takes -v and -V for one unless they are shown differently.
      const bool upper = offer.word.back() >= 'A' && offer.word.back() <= 'Z';
      places += fmt::format(
          "      [CompletionResult]::new({}, {}, [CompletionResultType]::{}, {})\n",
          quoted_twice(offer.word), quoted_twice(offer.word + (upper ? " " : "")),
          offer.is_option ? "ParameterName" : "ParameterValue", quoted_twice(offer.about));
    }
    places += "      break\n    }\n";
  });
  return fmt::format(R"ps1(using namespace System.Management.Automation

Register-ArgumentCompleter -Native -CommandName 'weir' -ScriptBlock {{
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | ForEach-Object {{ $_.Extent.Text }})
  $count = $words.Count
  if ($wordToComplete) {{ $count-- }}
  $names = @({})
  $place = 'weir'
  for ($i = 1; $i -lt $count; $i++) {{
    if ($names -ccontains "$place $($words[$i])") {{ $place = "$place $($words[$i])" }}
  }}
  $offers = @(switch -CaseSensitive ($place) {{
{}  }})
  $offers.Where{{ $_.CompletionText -like "$wordToComplete*" }}
}}
)ps1",
                     names, places);
}

void run_completion(Context& context, const Arguments& arguments) {
  const std::string& shell = arguments.text("shell");
  std::string script;
  if (shell == "bash") {
    script = bash_script(context.root());
  } else if (shell == "zsh") {
    script = zsh_script(context.root());
  } else if (shell == "fish") {
    script = fish_script(context.root());
  } else if (shell == "elvish") {
    script = elvish_script(context.root());
  } else {
    script = powershell_script(context.root());
  }
  write_stdout(script);
}

}  // namespace

CommandSpec completion_command() {
  return command("completion", "Print a completion script for a shell", run_completion)
      .with(option("shell", "SHELL", "The shell")
                .short_form('s')
                .required()
                .one_of({"bash", "elvish", "fish", "powershell", "zsh"}))
      .help_when_empty();
}

}  // namespace weir::cli
