#pragma once

/// What libbqq.so shows to programs; all else in it is hidden.
#define BQQ_API __attribute__((visibility("default")))
