#include <fstream>
#include <map>

#include "base/check.h"
#include "control/store/home.h"
#include "store_testing.h"

namespace weir {
namespace {

EnvLookup env_of(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

TEST(StoreHome, WeirHomeWinsOverOckamHomeAndHome) {
  EXPECT_EQ(*home_directory(env_of({{"WEIR_HOME", "/w/"}, {"OCKAM_HOME", "/o"}, {"HOME", "/h"}})),
            "/w");
  EXPECT_EQ(*home_directory(env_of({{"WEIR_HOME", ""}, {"OCKAM_HOME", "/o"}})), "/o");
  EXPECT_EQ(*home_directory(env_of({{"HOME", "/h"}})), "/h/.weir");
}

TEST(StoreHome, EmptyOrRelativeOckamHomeIsTheCurrentDirectory) {
  const auto here = std::filesystem::current_path().string();
  EXPECT_EQ(*home_directory(env_of({{"OCKAM_HOME", ""}, {"HOME", "/h"}})), here);
  EXPECT_EQ(*home_directory(env_of({{"OCKAM_HOME", "x/y"}})), here + "/x/y");
}

TEST(StoreHome, NoHomeAtAllIsSaidClearly) {
  const auto home = home_directory(env_of({}));
  ASSERT_FALSE(home);
  EXPECT_NE(home.error().text().find("WEIR_HOME"), std::string::npos);
}

TEST(StoreHome, IsPrivateAlsoWhenItExistedOpenToOthers) {
  TempDirectory temp;
  const std::string fresh = temp.path() + "/a/b/home";
  ASSERT_TRUE(create_home(fresh));
  EXPECT_EQ(mode_of(fresh), 0700u);
  const std::string open = temp.path() + "/open";
  std::filesystem::create_directory(open);
  ::chmod(open.c_str(), 0755);
  ASSERT_TRUE(create_home(open));
  EXPECT_EQ(mode_of(open), 0700u);
}

TEST(StoreHome, StickyDirectoriesAndTheUsersOwnHomeKeepTheirMode) {
  TempDirectory temp;
  const std::string sticky = temp.path() + "/tmp";
  std::filesystem::create_directory(sticky);
  ::chmod(sticky.c_str(), 01777);
  ASSERT_TRUE(create_home(sticky));
  EXPECT_EQ(mode_of(sticky), 01777u);
  const std::string user = temp.path() + "/user";
  std::filesystem::create_directory(user);
  ::chmod(user.c_str(), 0755);
  ASSERT_TRUE(create_home(user, user));
  EXPECT_EQ(mode_of(user), 0755u);
}

TEST(StoreHome, AFileInItsPlaceIsAnErrorNotACrash) {
  TempDirectory temp;
  const std::string file = temp.path() + "/file";
  std::ofstream(file) << "x";
  EXPECT_FALSE(create_home(file));
  EXPECT_FALSE(create_home(file + "/below"));
  EXPECT_FALSE(create_home("relative"));
  EXPECT_FALSE(State::open({.home = file}));
}

TEST(StoreHome, NodeNamesCannotLeaveTheHome) {
  for (const char* good :
       {"n1", "a-b_c", "N", "\xc3\xa9t\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac", "7"}) {
    EXPECT_TRUE(check_node_name(good)) << good;
  }
  for (const char* bad : {"", ".", "..", "a/b", "a b", "a.b", "a\n", "\xff", "\xc3", "a:b", "/"}) {
    EXPECT_FALSE(check_node_name(bad)) << bad;
  }
  EXPECT_FALSE(check_node_name(std::string("a\0b", 3)));
  EXPECT_FALSE(check_node_name(std::string(201, 'a')));
  EXPECT_FALSE(remove_node_directory("/nonexistent", ".."));
}

TEST(StoreHome, VaultNamesCannotLeaveTheHome) {
  EXPECT_TRUE(check_name("my vault.1"));
  for (const char* bad : {"", ".", "..", "a/b", "a\tb", "\xff", "a\x7f"}) {
    EXPECT_FALSE(check_name(bad)) << bad;
  }
}

TEST(StoreHome, NodeFoldersArePrivateAndRemovable) {
  TempDirectory temp;
  const auto folder = create_node_directory(temp.path(), "n1");
  ASSERT_TRUE(folder);
  EXPECT_EQ(mode_of(*folder), 0700u);
  std::ofstream(*folder + "/stdout.2026-01-01.log") << "x";
  ASSERT_TRUE(create_node_directory(temp.path(), "n1"));
  ASSERT_TRUE(remove_node_directory(temp.path(), "n1"));
  EXPECT_FALSE(std::filesystem::exists(*folder));
  EXPECT_TRUE(remove_node_directory(temp.path(), "n1"));
}

TEST(StoreHome, SocketPathsThatAreTooLongMoveToAPrivateRuntimeDirectory) {
  TempDirectory temp;
  EXPECT_EQ(*node_socket_path("/h", "n1", env_of({})), "/h/nodes/n1/api.sock");
  const std::string deep = "/h/" + std::string(150, 'x');
  const auto env = env_of({{"XDG_RUNTIME_DIR", temp.path()}});
  const auto path = node_socket_path(deep, "n1", env);
  ASSERT_TRUE(path);
  EXPECT_LE(path->size(), 107u);
  EXPECT_EQ(path->rfind(temp.path() + "/weir/", 0), 0u);
  EXPECT_EQ(mode_of(temp.path() + "/weir"), 0700u);
  EXPECT_EQ(*path, *node_socket_path(deep, "n1", env));
  EXPECT_NE(*path, *node_socket_path(deep, "n2", env));
  EXPECT_NE(*path, *node_socket_path(deep + "y", "n1", env));
}

TEST(StoreHome, ARuntimeDirectoryOpenToOthersIsNotTrusted) {
  TempDirectory temp;
  std::filesystem::create_directory(temp.path() + "/weir");
  ::chmod((temp.path() + "/weir").c_str(), 0777);
  const auto path = node_socket_path("/h/" + std::string(150, 'x'), "n1",
                                     env_of({{"XDG_RUNTIME_DIR", temp.path()}}));
  ASSERT_TRUE(path);
  EXPECT_EQ(path->rfind("/tmp/weir-", 0), 0u);
}

}  // namespace
}  // namespace weir
