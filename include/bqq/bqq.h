#pragma once

// All of the library. A program that has no FAISS includes bqq/quantizer.h and bqq/matrix_codec.h
// instead.

#include <bqq/error.h>
#include <bqq/index/ConcurrentIndex.h>
#include <bqq/index/IndexBQQ.h>
#include <bqq/index/IndexHNSWBQQ.h>
#include <bqq/index/IndexIVFBQQ.h>
#include <bqq/index/diagnose.h>
#include <bqq/index/index_factory.h>
#include <bqq/index/index_io.h>
#include <bqq/index/search_parameters.h>
#include <bqq/index/tune.h>
#include <bqq/matrix_codec.h>
#include <bqq/quantizer.h>
#include <bqq/version.h>
