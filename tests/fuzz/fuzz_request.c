#include "tests/fuzz/lib/http_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    http_same(HTTP_REQUESTS, data, size);
    return 0;
}
