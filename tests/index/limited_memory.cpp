// limited_memory FACTORY N D STAGE BYTES: does what STAGE says (train, add, search, load, map) to an
// index of N vectors of D numbers, when the address space may grow by so many bytes. Exit status: 0
// done, 1 std::bad_alloc, 3 anything else.
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <faiss/index_io.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace {

std::vector<float> random_vectors(size_t n, size_t d) {
    std::minstd_rand random(1);
    std::normal_distribution<float> normal;
    std::vector<float> x(n * d);
    for (size_t i = 0; i < x.size(); ++i)
        x[i] = normal(random) / std::sqrt(1.0f + static_cast<float>(i % d));
    return x;
}

size_t address_space() {
    std::ifstream file("/proc/self/statm");
    size_t pages = 0;
    file >> pages;
    return pages * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

void search(const faiss::Index& index, const std::vector<float>& x, size_t n) {
    constexpr size_t kK = 10;
    std::vector<float> distances(n * kK);
    std::vector<int64_t> labels(n * kK);
    index.search(static_cast<int64_t>(n), x.data(), kK, distances.data(), labels.data());
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 6) return 2;
    const std::string factory = argv[1], stage = argv[4];
    const size_t n = std::stoul(argv[2]);
    const auto d = static_cast<int>(std::stoul(argv[3]));
    ::mallopt(M_ARENA_MAX, 1);            // another thread's arena would take 64 MB of addresses
    ::mallopt(M_MMAP_THRESHOLD, 1 << 16); // what is freed is not there for what comes
    const std::vector<float> x = random_vectors(n, static_cast<size_t>(d));
    const size_t nq = std::min<size_t>(n, 1000);
    const auto filled = [&](size_t count) {
        auto index = bqq::index_factory(d, factory);
        index->train(static_cast<int64_t>(std::min<size_t>(count, 5000)), x.data());
        index->add(static_cast<int64_t>(count), x.data());
        return index;
    };
    search(*filled(std::min<size_t>(n, 3000)), x, nq); // what a process makes once, such as threads
    const std::string path = "limited_memory." + std::to_string(::getpid());
    std::unique_ptr<faiss::Index> index = bqq::index_factory(d, factory);
    if (stage == "add") {
        index->train(static_cast<int64_t>(std::min<size_t>(n, 5000)), x.data());
    } else if (stage != "train") {
        bqq::write_index(filled(n).get(), path);
        if (stage == "search") index = bqq::read_index(path);
    }
    ::malloc_trim(0);
    const rlimit limit{address_space() + std::stoul(argv[5]), RLIM_INFINITY};
    ::setrlimit(RLIMIT_AS, &limit);
    int status = 0;
    try {
        if (stage == "train") index->train(static_cast<int64_t>(n), x.data());
        if (stage == "add") index->add(static_cast<int64_t>(n), x.data());
        if (stage == "search") search(*index, x, nq);
        if (stage == "load") index = bqq::read_index(path);
        if (stage == "map") index = bqq::read_index(path, faiss::IO_FLAG_MMAP);
    } catch (const std::bad_alloc&) {
        status = 1;
    } catch (const std::exception& error) {
        std::fputs(error.what(), stderr);
        status = 3;
    }
    ::unlink(path.c_str());
    std::_Exit(status);
}
