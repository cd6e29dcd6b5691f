#include "io/npy_header.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace bqq {

namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr size_t alignment = 64;           // numpy aligns the numbers to this
constexpr size_t longest_header = 1 << 16; // a longer one is no header of a plain matrix

/// Reads the Python dictionary literal of a header from left to right.
class HeaderParser {
public:
    HeaderParser(std::string_view text, const InputFile& file) : rest_(text), file_(file) {}

    NpyHeader parse() {
        expect('{');
        while (!accept('}')) {
            parse_entry();
            if (accept(',')) continue;
            expect('}');
            break;
        }
        skip_space();
        if (!rest_.empty()) malformed("text after the dictionary");
        return checked();
    }

private:
    void parse_entry() {
        const std::string key = parse_string();
        expect(':');
        if (key == "descr") {
            skip_space();
            if (rest_.starts_with('[')) file_.fail("structured dtypes are not supported");
            descr_ = parse_string();
        } else if (key == "fortran_order") {
            fortran_order_ = parse_bool();
        } else if (key == "shape") {
            shape_ = parse_tuple();
        } else {
            malformed("unknown key '" + key + "'");
        }
    }

    NpyHeader checked() const {
        if (!descr_) malformed("no 'descr'");
        if (!fortran_order_) malformed("no 'fortran_order'");
        if (!shape_) malformed("no 'shape'");
        if (shape_->empty() || shape_->size() > 2)
            file_.fail(
                    "the array has " + std::to_string(shape_->size()) + " dimensions, not 1 or 2");
        return {*descr_, *fortran_order_, shape_->size() == 2 ? shape_->front() : 1,
                shape_->back()};
    }

    std::string parse_string() {
        skip_space();
        if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) malformed("a string expected");
        const size_t end = rest_.find(rest_[0], 1);
        if (end == std::string_view::npos) malformed("a string does not end");
        std::string text(rest_.substr(1, end - 1));
        rest_.remove_prefix(end + 1);
        return text;
    }

    bool parse_bool() {
        skip_space();
        for (const bool value : {false, true}) {
            const std::string_view name = value ? "True" : "False";
            if (!rest_.starts_with(name)) continue;
            rest_.remove_prefix(name.size());
            return value;
        }
        malformed("'fortran_order' is neither True nor False");
    }

    std::vector<size_t> parse_tuple() {
        std::vector<size_t> numbers;
        expect('(');
        while (!accept(')')) {
            numbers.push_back(parse_number());
            if (accept(',')) continue;
            expect(')');
            break;
        }
        return numbers;
    }

    size_t parse_number() {
        skip_space();
        size_t number = 0;
        const auto [end, error] =
                std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
        if (error != std::errc()) malformed("a size in 'shape' is not a number");
        rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
        if (rest_.starts_with('L')) rest_.remove_prefix(1); // written by Python 2
        return number;
    }

    void skip_space() {
        const size_t start = rest_.find_first_not_of(" \t\n");
        rest_.remove_prefix(start == std::string_view::npos ? rest_.size() : start);
    }

    bool accept(char c) {
        skip_space();
        if (!rest_.starts_with(c)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    void expect(char c) {
        if (!accept(c)) malformed(std::string("'") + c + "' expected");
    }

    [[noreturn]] void malformed(const std::string& reason) const {
        file_.fail("the .npy header is malformed: " + reason);
    }

    std::string_view rest_;
    const InputFile& file_;
    std::optional<std::string> descr_;
    std::optional<bool> fortran_order_;
    std::optional<std::vector<size_t>> shape_;
};

} // namespace

NpyHeader read_npy_header(InputFile& file) {
    std::array<char, 8> start{};
    file.read(start.data(), start.size());
    if (std::memcmp(start.data(), magic.data(), magic.size()) != 0) {
        file.fail("is not a .npy file: it does not begin with \\x93NUMPY");
    }
    const int major = static_cast<unsigned char>(start[6]);
    if (major < 1 || major > 3) {
        file.fail(".npy format version " + std::to_string(major) + " is not supported");
    }
    const size_t length_bytes = major == 1 ? 2 : 4;
    uint32_t length = 0;
    file.read(&length, length_bytes);
    if (length > longest_header) {
        file.fail("the .npy header is malformed: its length is " + std::to_string(length));
    }
    std::string text(length, '\0');
    file.read(text.data(), length);
    NpyHeader header = HeaderParser(text, file).parse();
    header.data_offset = start.size() + length_bytes + length;
    return header;
}

std::string npy_header(const std::string& descr, size_t n, size_t d) {
    std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" +
                       std::to_string(n) + ", " + std::to_string(d) + "), }";
    const size_t before_text = magic.size() + 2 + 2;
    const size_t unpadded = before_text + text.size() + 1;
    text.append((alignment - unpadded % alignment) % alignment, ' ');
    text += '\n';

    std::string header(magic);
    header += {'\x01', '\x00'};
    header += static_cast<char>(text.size() & 0xff);
    header += static_cast<char>(text.size() >> 8);
    return header + text;
}

} // namespace bqq
