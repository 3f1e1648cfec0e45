#include "tools/weir/names.h"

#include <array>
#include <string_view>

namespace weir::cli {
namespace {

// clang-format off
constexpr std::array<std::string_view, 219> kAdjectives = {
    "able", "agile", "airy", "alert", "amber", "ample", "apt", "arctic", "ardent", "astral",
    "autumn", "azure", "balmy", "bold", "brave", "breezy", "bright", "brisk", "bronze", "calm",
    "candid", "casual", "cedar", "charming", "chief", "civil", "classic", "clear", "clever",
    "coastal", "cobalt", "cool", "copper", "coral", "cordial", "cosmic", "cozy", "crisp",
    "curious", "dapper", "daring", "dawn", "deft", "dewy", "direct", "distant", "dusky", "eager",
    "early", "earnest", "easy", "elder", "elegant", "emerald", "equal", "exact", "fair",
    "faithful", "famous", "fancy", "fast", "fearless", "fine", "firm", "fleet", "fluent", "fond",
    "frank", "fresh", "frosty", "gallant", "gentle", "genuine", "giant", "gifted", "glad",
    "gleaming", "golden", "good", "graceful", "grand", "grateful", "great", "green", "handy",
    "happy", "hardy", "hasty", "hazel", "hearty", "helpful", "hidden", "honest", "humble",
    "ideal", "indigo", "inland", "ivory", "jade", "jolly", "joyful", "just", "keen", "kind",
    "large", "lasting", "lean", "level", "light", "likely", "lilac", "lively", "local", "logical",
    "loyal", "lucid", "lucky", "lunar", "magic", "major", "mellow", "merry", "mighty", "mild",
    "mint", "misty", "modern", "modest", "mossy", "native", "natural", "neat", "nimble", "noble",
    "northern", "novel", "oaken", "opal", "open", "patient", "pearly", "perfect", "placid",
    "plain", "playful", "polar", "polite", "precise", "proud", "prudent", "pure", "quick",
    "quiet", "rapid", "rare", "ready", "regal", "rich", "robust", "rosy", "royal", "ruby",
    "rustic", "sable", "safe", "sage", "sandy", "scarlet", "secure", "serene", "sharp", "shiny",
    "silent", "silver", "simple", "sincere", "sleek", "smart", "smooth", "snowy", "social",
    "solar", "solid", "southern", "spry", "stable", "starry", "steady", "stellar", "still",
    "stout", "strong", "subtle", "sunny", "super", "swift", "tall", "tame", "tender", "thankful",
    "tidy", "tranquil", "true", "trusty", "upbeat", "urban", "useful", "valiant", "vast",
    "velvet", "verdant", "vital", "vivid", "warm", "wise", "witty", "worthy", "young", "zesty",
};

constexpr std::array<std::string_view, 227> kNouns = {
    "acorn", "alder", "anchor", "antler", "aspen", "badger", "bamboo", "basin", "bay", "beacon",
    "beaver", "birch", "bison", "bluff", "boulder", "breeze", "bridge", "brook", "buffalo",
    "canary", "canyon", "cape", "cardinal", "caribou", "cedar", "cheetah", "cliff", "cloud",
    "clover", "cobra", "comet", "condor", "coral", "cove", "coyote", "crane", "creek", "cricket",
    "crow", "current", "cypress", "daisy", "dale", "dawn", "deer", "delta", "dolphin", "dove",
    "dragon", "drake", "dune", "eagle", "egret", "elk", "elm", "ember", "falcon", "fawn", "fern",
    "ferret", "field", "finch", "fjord", "flamingo", "flint", "forest", "fox", "frog", "galaxy",
    "gannet", "garden", "gazelle", "gecko", "geyser", "glacier", "glade", "goose", "gopher",
    "granite", "grove", "gull", "harbor", "hare", "harrier", "hawk", "heath", "heron", "hill",
    "hollow", "hornet", "ibex", "ibis", "iris", "island", "ivy", "jackal", "jaguar", "jay",
    "jungle", "juniper", "kelp", "kestrel", "kingfisher", "kite", "koala", "lagoon", "lake",
    "lark", "laurel", "leopard", "lichen", "lily", "linden", "lion", "lizard", "llama", "lotus",
    "lynx", "macaw", "magnolia", "magpie", "mallow", "manatee", "maple", "marlin", "marsh",
    "marten", "meadow", "merlin", "mesa", "meteor", "mink", "mole", "moon", "moose", "moss",
    "mountain", "narwhal", "nectar", "newt", "nightingale", "oak", "oasis", "ocean", "ocelot",
    "orca", "orchid", "oriole", "osprey", "otter", "owl", "oyster", "panda", "panther", "parrot",
    "peak", "pebble", "pelican", "penguin", "petrel", "pheasant", "pine", "plover", "pony",
    "poplar", "prairie", "puffin", "puma", "quail", "quartz", "rabbit", "raccoon", "raven",
    "reef", "ridge", "river", "robin", "rook", "rowan", "sable", "salmon", "sandpiper", "seal",
    "sequoia", "shark", "shore", "shrew", "sierra", "sparrow", "spruce", "squid", "squirrel",
    "star", "stork", "storm", "stream", "summit", "swallow", "swan", "swift", "tern", "thicket",
    "thistle", "thrush", "tiger", "toucan", "trail", "trout", "tulip", "tundra", "turtle",
    "valley", "viper", "vole", "wagtail", "walnut", "walrus", "warbler", "waterfall", "weasel",
    "willow", "wolf", "wombat", "wren", "yak", "yew", "zebra",
};
// clang-format on

}  // namespace

std::string random_name(Rng& rng) {
  std::string name(kAdjectives[rng.next_u64() % kAdjectives.size()]);
  name += '-';
  name += kNouns[rng.next_u64() % kNouns.size()];
  return name;
}

}  // namespace weir::cli
