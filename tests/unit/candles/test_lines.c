#include "candles/lines.h"
#include "test_candles.h"

static int take(void *context, const struct line *line, struct error *err)
{
    struct buf *out = context;

    (void)err;
    buf_printf(out, "%d[%.*s]%s", (int)line->number, line->text.len > 20 ? 20 : SLICE_FMT(line->text),
               line->is_cut ? "cut" : "");
    return 0;
}

static void test_lines_pieces(void)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"a", "1[a]"},
        {"a\n", "1[a]"},
        {"a\nb", "1[a]2[b]"},
        {"a\r\nb\r\n", "1[a]2[b]"},
        {"\n\na", "1[]2[]3[a]"},
        {"\xef\xbb\xbf"
         "a,b\nc",
         "1[a,b]2[c]"},
        {"\r\n", "1[]"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        for (size_t piece = 1; piece <= strlen(cases[i].text) + 1; piece++) {
            struct slice rest = slice_of(cases[i].text);
            struct lines lines = {0};
            struct buf found = {0};
            struct error err;

            while (rest.len > 0) {
                const struct slice part = {rest.data, rest.len < piece ? rest.len : piece};

                UNIT_INT(lines_feed(&lines, part, take, &found, &err), 0);
                rest.data += part.len;
                rest.len -= part.len;
            }
            UNIT_INT(lines_end(&lines, take, &found, &err), 0);
            UNIT_STR(buf_cstr(&found), cases[i].expected);
            buf_clear(&found);
        }
    }
}

/* A line without an end costs no more than the bound. */
static void test_lines_long(void)
{
    struct lines lines = {0};
    struct buf found = {0}, long_line = {0};
    struct error err;

    for (int i = 0; i < 3 * LINES_BYTES_MAX; i++) buf_add_char(&long_line, 'x');
    for (int i = 0; i < 3; i++) UNIT_INT(lines_feed(&lines, buf_slice(&long_line), take, &found, &err), 0);
    CU_ASSERT(lines.part.cap <= 4 * (size_t)LINES_BYTES_MAX);
    UNIT_INT(lines_feed(&lines, SLICE_LIT("\nb\n"), take, &found, &err), 0);
    buf_add_char(&long_line, '\n');
    UNIT_INT(lines_feed(&lines, buf_slice(&long_line), take, &found, &err), 0);
    UNIT_INT(lines_end(&lines, take, &found, &err), 0);
    UNIT_STR(buf_cstr(&found), "1[xxxxxxxxxxxxxxxxxxxx]cut2[b]3[xxxxxxxxxxxxxxxxxxxx]cut");
    buf_clear(&found);
    buf_clear(&long_line);
}

static void test_lines_split(void)
{
    static const struct {
        const char *line;
        char separator;
        const char *expected;
    } cases[] = {
        {"", ',', "1:|"},
        {"a,b", ',', "2:a|b|"},
        {",", ',', "2:||"},
        {" a , \"b\" ", ',', "2:a|b|"},
        {"\"a,b\",c", ',', "2:a,b|c|"},
        {"a;b,c", ';', "2:a|b,c|"},
        {"a\tb\t", '\t', "3:a|b||"},
        {"\"a", ',', "1:\"a|"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice cells[LINES_CELLS_MAX];
        const size_t count = lines_split(slice_of(cases[i].line), cases[i].separator, cells);
        struct buf found = {0};

        buf_printf(&found, "%zu:", count);
        for (size_t j = 0; j < count; j++) buf_printf(&found, "%.*s|", SLICE_FMT(cells[j]));
        UNIT_STR(buf_cstr(&found), cases[i].expected);
        buf_clear(&found);
    }
    char many[2 * LINES_CELLS_MAX];
    struct slice cells[LINES_CELLS_MAX];

    memset(many, ',', sizeof(many));
    UNIT_INT(lines_split((struct slice){many, sizeof(many)}, ',', cells), LINES_CELLS_MAX);
}

static const struct unit_test tests[] = {UNIT_TEST(test_lines_pieces), UNIT_TEST(test_lines_long),
                                         UNIT_TEST(test_lines_split)};
const struct unit_part lines_tests = UNIT_PART(tests);
