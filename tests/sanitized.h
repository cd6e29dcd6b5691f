#pragma once

// BQQ_SANITIZED: a sanitizer replaces malloc, and reserves terabytes of addresses.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BQQ_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BQQ_SANITIZED 1
#endif
#endif
#ifndef BQQ_SANITIZED
#define BQQ_SANITIZED 0
#endif
