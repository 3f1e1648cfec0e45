// Projects and tickets: every text form of the vectors, and what does not read.
#include "control/project/project.h"

#include <set>

#include "control/project/ticket.h"
#include "tests/unit/control/identity_fixture.h"

namespace weir::test {
namespace {

TEST(TicketVectors, EveryFormIsWrittenAsTheRealOneDoes) {
  int ran = 0;
  for (const Json& one : vectors("ticket.json")["tickets"]) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const auto ticket = Ticket::parse(one["text"].get<std::string>());
    ASSERT_TRUE(ticket) << ticket.error().text();
    EXPECT_EQ(ticket->text(), one["text"].get<std::string>());
    EXPECT_EQ(ticket->hex(), one["hex"].get<std::string>());
    EXPECT_EQ(ticket->json(), one["json"].get<std::string>());
    EXPECT_EQ(ticket->legacy_json(), one["legacy_json"].get<std::string>());
    EXPECT_EQ(ticket->legacy_hex(), one["legacy_hex"].get<std::string>());
    EXPECT_EQ(ticket->project_id, one["project_id"].get<std::string>());
    EXPECT_EQ(ticket->project_name, one["project_name"].get<std::string>());
    EXPECT_EQ(ticket->project_identifier.text(), one["project_identifier"].get<std::string>());
    EXPECT_EQ(ticket->authority_route.text(), one["authority_route"].get<std::string>());
    EXPECT_EQ(to_hex(ticket->code.encode()), one["one_time_code_cbor"].get<std::string>());
    const Project project = ticket->project();
    EXPECT_EQ(project.document().dump(), one["project_model_json"].get<std::string>());
    EXPECT_EQ(to_hex(project.encode()), one["project_model_cbor"].get<std::string>());
    EXPECT_EQ(project.shown(), one["project_json"]);
    for (const char* form : {"hex", "json", "legacy_json", "legacy_hex"}) {
      const auto same = Ticket::parse(one[form].get<std::string>());
      ASSERT_TRUE(same) << form;
      EXPECT_EQ(same->text(), one["text"].get<std::string>()) << form;
      EXPECT_EQ(Ticket::parse("  " + one[form].get<std::string>() + "\n")->text(),
                one["text"].get<std::string>());
    }
    ++ran;
  }
  std::printf("tickets: %d\n", ran);
}

TEST(TicketVectors, WhatReadsReadsAndWhatDoesNotDoesNot) {
  // Ours ignores white space around a ticket.
  const std::set<std::string> better = {"surrounding white space", "hex with a newline"};
  MemoryNode node;
  int ran = 0;
  for (const Json& one : vectors("ticket.json")["readings"]) {
    const std::string name = one["name"];
    SCOPED_TRACE(name);
    const auto ticket = Ticket::parse(one["input"].get<std::string>());
    const bool reads = one["reads_as_ticket"].get<bool>() ||
                       one["reads_as_legacy_ticket"].get<bool>() || better.contains(name);
    ASSERT_EQ(ticket.has_value(), reads) << (ticket ? "" : ticket.error().text());
    ++ran;
    if (!ticket) continue;
    if (one.contains("canonical_text")) {
      EXPECT_EQ(ticket->text(), one["canonical_text"].get<std::string>());
    }
    const char* how = one.contains("imports") ? "imports" : "legacy_imports";
    if (!one.contains(how)) continue;
    const Json& imports = one[how];
    // Ours compares the identifier with the history; Ockam does not.
    const bool good = imports["ok"].get<bool>() && !name.starts_with("identifier of another");
    const auto access = ProjectAccess::of(ticket->project(), node.identities);
    EXPECT_EQ(access.has_value(), good) << (access ? "" : access.error().text());
    if (access) {
      EXPECT_EQ(access->id, imports["project_id"].get<std::string>());
    }
  }
  std::printf("ticket readings: %d\n", ran);
}

TEST(TicketVectors, OneTimeCodes) {
  for (const Json& one : vectors("ticket.json")["one_time_codes"]) {
    const auto code = OneTimeCode::parse(one["text"].get<std::string>());
    ASSERT_EQ(code.has_value(), one["ok"].get<bool>()) << one["text"];
    if (code) {
      EXPECT_EQ(code->text(), one["code"].get<std::string>());
    }
  }
}

TEST(ProjectVectors, DocumentsAndBodies) {
  for (const Json& one : vectors("ticket.json")["projects"]) {
    SCOPED_TRACE(one["name"].get<std::string>());
    const auto project = Project::parse(one["model_json"].get<std::string>());
    ASSERT_TRUE(project) << project.error().text();
    EXPECT_EQ(project->document().dump(), one["model_json"].get<std::string>());
    EXPECT_EQ(to_hex(project->encode()), one["model_cbor"].get<std::string>());
    EXPECT_EQ(project->shown(), one["project_json"]);
  }
}

TEST(Project, MalformedDocumentsNameTheField) {
  const std::string good = R"({"id":"i","name":"n","space_name":"","access_route":"","users":[],)"
                           R"("space_id":"","user_roles":[]})";
  ASSERT_TRUE(Project::parse(good));
  for (const char* field :
       {"id", "name", "space_name", "access_route", "users", "space_id", "user_roles"}) {
    Json json = Json::parse(good);
    json.erase(field);
    const auto missing = Project::parse(json.dump());
    ASSERT_FALSE(missing) << field;
    EXPECT_EQ(missing.error().detail, field);
    json[field] = 1;
    EXPECT_FALSE(Project::parse(json.dump())) << field;
  }
  for (const char* text : {"", "[]", "null", "{", "{}"}) EXPECT_FALSE(Project::parse(text)) << text;
}

}  // namespace
}  // namespace weir::test
