#include "peer.h"

#include "ash.h"
#include "shannon.h"
#include "transform_code.h"

#include <regex>
#include <stdexcept>

namespace bqq::bench {

std::unique_ptr<Peer> make_peer(const std::string& name) {
    static const std::regex pattern("(TC|Shannon)([1-9][0-9]{0,4})|ASH([1-9][0-9]{0,3})x([124])");
    std::smatch match;
    if (name.size() > 20 || !std::regex_match(name, match, pattern))
        throw std::runtime_error(
                "no peer " + name + ": TC1024, ASH256x1, x2 or x4, Shannon1024 are some");
    if (match[3].matched) return std::make_unique<Ash>(std::stoi(match[3]), std::stoi(match[4]));
    const int bits = std::stoi(match[2]);
    if (match[1] == "TC") return std::make_unique<TransformCode>(bits);
    return std::make_unique<Shannon>(bits);
}

} // namespace bqq::bench
