#pragma once

// The build reads the version from here.
#define BQQ_VERSION_MAJOR 0
#define BQQ_VERSION_MINOR 1
#define BQQ_VERSION_PATCH 0
#define BQQ_VERSION "0.1.0"
