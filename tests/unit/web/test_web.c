#include "test_web.h"

#include <string.h>

static int print_table(void)
{
    struct buf out = {0};

    docs_table(&out);
    fputs(buf_cstr(&out), stdout);
    buf_clear(&out);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct unit_part *const parts[] = {&count_part, &docs_part};

    if (argc == 2 && strcmp(argv[1], "table") == 0) return print_table();
    return unit_main_parts("web", parts, countof(parts));
}
