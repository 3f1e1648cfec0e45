// What a policy is about (spec/04 §9.2): a resource by its name, or all resources of a type; and
// the one action there is.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

// The numbers are those of the wire.
enum class ResourceType : std::uint8_t {
  kTcpInlet = 1,
  kTcpOutlet,
  kEchoer,
  kKafkaConsumer,
  kKafkaProducer,
  kRelay,
  kLessor,
};
// By number, from 1.
inline constexpr std::array<std::string_view, 7> kResourceTypeTexts = {
    "tcp-inlet", "tcp-outlet", "echoer", "kafka-consumer", "kafka-producer", "relay", "lessor"};

inline constexpr std::string_view resource_type_text(ResourceType type) {
  return kResourceTypeTexts[static_cast<std::size_t>(type) - 1];
}
inline constexpr std::optional<ResourceType> resource_type_of(std::string_view text) {
  for (std::size_t i = 0; i < kResourceTypeTexts.size(); ++i) {
    if (kResourceTypeTexts[i] == text) return static_cast<ResourceType>(i + 1);
  }
  return std::nullopt;
}

inline constexpr std::string_view kActionHandleMessage = "handle_message";
inline constexpr std::uint64_t kActionHandleMessageNumber = 1;

}  // namespace weir
