/* SPDX-License-Identifier: MIT
 *
 * The Hub for tests as a program: `hub_server [CERTIFICATE.pem]` serves the standard repository
 * until its standard input ends. Its first line of output is its address, the second that of its
 * content store.
 */
#include <stdio.h>

#include "hub/server.h"

int main(int argc, char **argv)
{
    const char *commit;
    server *s = server_start(argc > 1 ? argv[1] : NULL);
    standard_repo(s, &commit);
    printf("%s\n%s\n", server_url(s), server_store_url(s));
    fflush(stdout);
    while (getchar() != EOF)
        ;
    server_stop(s);
    return 0;
}
