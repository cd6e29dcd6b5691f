#include "index/error_message.h"

#include <algorithm>
#include <new>
#include <string_view>

namespace bqq {

namespace {

/// The end of ":<line>: " at `colon`, npos when something else stands there.
size_t end_of_line_number(std::string_view text, size_t colon) {
    const size_t end = text.find_first_not_of("0123456789", colon + 1);
    const bool number = end != std::string_view::npos && end > colon + 1;
    return number && text.substr(end).starts_with(": ") ? end + 2 : std::string_view::npos;
}

/// "Error in <function> at <file>:<line>: <message>", where the function may hold colons.
void remove_place(std::string& text, size_t begin) {
    for (size_t colon = text.find(':', begin); colon != std::string::npos;
         colon = text.find(':', colon + 1)) {
        const size_t end = end_of_line_number(text, colon);
        if (end == std::string::npos) continue;
        text.erase(begin, end - begin);
        return;
    }
}

/// "Error: '<condition>' failed: <message>", kept when there is no message.
void remove_condition(std::string& text, size_t begin) {
    constexpr std::string_view start = "Error: '";
    constexpr std::string_view end = "' failed: ";
    if (text.compare(begin, start.size(), start) != 0) return;
    const size_t found = text.find(end, begin);
    if (found != std::string::npos && found + end.size() < text.size())
        text.erase(begin, found + end.size() - begin);
}

} // namespace

std::string error_message(const std::exception& error) {
    if (dynamic_cast<const std::bad_alloc*>(&error)) return "out of memory";
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    // An error may stand in the message of another.
    for (size_t at = text.find("Error in "); at != text.npos; at = text.find("Error in ", at + 1)) {
        remove_place(text, at);
        remove_condition(text, at);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text.empty() ? "unknown error" : text;
}

} // namespace bqq
