/* The process starts here. */
#include <stdio.h>

int main(void)
{
    puts("csidecar " CSIDECAR_VERSION);
    return 0;
}
