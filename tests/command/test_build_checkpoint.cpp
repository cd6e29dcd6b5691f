// A build that is killed goes on from its last checkpoint.
#include "command_fixture.h"
#include "random_data.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace build_checkpoint_test {

using testing::HasSubstr;

constexpr int kDimension = 16;
constexpr int kVectors = 100'000; // added in 13 pieces

class BuildCheckpoint : public bqq::test::CommandFixture {
protected:
    const std::string folder = "--checkpoint kept --checkpoint-seconds 0";

    void SetUp() override { write_vectors(1); }

    void write_vectors(uint64_t seed) const {
        const auto x = bqq::test::gaussian_vectors(kVectors, kDimension, seed);
        std::ofstream(folder_ / "base.raw", std::ios::binary)
                .write(reinterpret_cast<const char*>(x.data()),
                       static_cast<std::streamsize>(x.size() * sizeof(float)));
    }

    static std::string build(const std::string& options) {
        return "build --base base.raw --dim 16 --metric l2 --train 2000 " + options;
    }

    /// Leaves a checkpoint of all vectors, for the index cannot be written.
    void fail_at_the_end(const std::string& options) const {
        EXPECT_EQ(run(build(options + " --out /dev/full --checkpoint kept")).exit_code, 3);
        EXPECT_TRUE(std::filesystem::exists(folder_ / "kept"));
    }
};

TEST_F(BuildCheckpoint, GoesOnToTheSameFile) {
    std::ofstream ids(folder_ / "ids.csv");
    for (int i = 0; i < kVectors; ++i) ids << 3 * i + 1 << '\n';
    ids.close();
    for (const std::string factory :
         {"BQQ32g2", "IVF16,BQQ32 --ids ids.csv", "PCA8,BQQ16,RFlat --ids ids.csv"}) {
        const std::string options = "--factory " + factory;
        const auto start = std::chrono::steady_clock::now();
        expect_success(build(options + " --out whole"));
        const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
        size_t went_on = 0;
        // Each time has longer, and one that is killed has made some way.
        for (int i = 1; !std::filesystem::exists(folder_ / "killed") && i < 100; ++i) {
            const std::string seconds = std::to_string(time.count() * i / 8);
            const auto outcome =
                    run(build(options + " --out killed " + folder), "timeout -s KILL " + seconds);
            went_on += outcome.err.find("going on after") != std::string::npos;
        }
        EXPECT_GT(went_on, 0u) << factory;
        ASSERT_TRUE(contents("killed") == contents("whole")) << factory;
        // It may have been killed after the last step.
        std::filesystem::remove_all(folder_ / "kept");
        std::filesystem::remove(folder_ / "killed");
    }
}

TEST_F(BuildCheckpoint, IsKeptWhenTheIndexCannotBeWritten) {
    fail_at_the_end("--factory BQQ32");
    const auto outcome = run(build("--factory BQQ32 --out a " + folder));
    EXPECT_THAT(outcome.err, HasSubstr("going on after 100000 vectors of kept"));
    EXPECT_FALSE(std::filesystem::exists(folder_ / "kept"));
    expect_success(build("--factory BQQ32 --out b"));
    EXPECT_TRUE(contents("a") == contents("b"));
}

TEST_F(BuildCheckpoint, OfAnotherBuildIsRefused) {
    fail_at_the_end("--factory BQQ32");
    const auto expect_refused = [&](const std::string& options, const std::string& reason) {
        expect_failure(build("--out a " + folder + " " + options), reason);
    };
    expect_refused("--factory BQQ64", "factory was \"BQQ32\", is \"BQQ64\"");
    expect_refused("--factory BQQ32 --seed 5", "seed was 1234, is 5");
    expect_refused("--factory BQQ32 --base-count 29000", "vectors was [100000,16], is [29000,16]");
    expect_refused("--factory BQQ32 --format raw", R"(format was ["","","",""], is ["raw",)");
    write_vectors(2);
    expect_refused("--factory BQQ32", "base was [\"base.raw\",6400000,");
    write("kept/build.json", "[1");
    expect_refused("--factory BQQ32", "kept/build.json is not what a build writes");
    write("kept/build.json", "[1]");
    expect_refused("--factory BQQ32", "version was null");
}

TEST_F(BuildCheckpoint, BelongsToOneBuild) {
    fail_at_the_end("--factory BQQ32");
    expect_failure(
            build("--factory BQQ32 --out a " + folder), "kept is used by another build",
            "flock kept");
}

TEST_F(BuildCheckpoint, NeedsAFolderAndInputsThatCanBeReadAgain) {
    expect_failure(
            build("--factory BQQ32 --out a --checkpoint base.raw"),
            "cannot use base.raw: Not a directory");
    expect_failure(
            build("--factory BQQ32 --out a --checkpoint missing/kept"),
            "cannot make the folder missing/kept: No such file");
    expect_failure(
            "build --base - --metric l2 --factory BQQ32 --out a " + folder,
            "standard input cannot be read again");
    expect_failure(
            build("--factory BQQ32 --out a --checkpoint kept --checkpoint-seconds -1"), "-1");
}

TEST_F(BuildCheckpoint, LeavesFilesOfOthersInItsFolder) {
    std::filesystem::create_directory(folder_ / "kept");
    write("kept/notes", "text");
    expect_success(build("--factory BQQ32 --out a " + folder));
    EXPECT_EQ(contents("kept/notes"), "text");
    EXPECT_FALSE(std::filesystem::exists(folder_ / "kept/index.bqq"));
}

} // namespace build_checkpoint_test
