/* The list of settings for the manual page of a settings file, in mdoc(7). */
#include "conf/internal.h"

enum { MAN_COLUMNS = 78 };

/* A word of text, so that roff takes it as it is. */
static void man_add_word(struct buf *out, struct slice word)
{
    if (word.len > 0 && (word.data[0] == '.' || word.data[0] == '\'')) buf_add_str(out, "\\&");
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '\\') {
            buf_add_str(out, "\\e");
        } else {
            buf_add_char(out, word.data[i]);
        }
    }
}

/* As one argument of a macro. */
static void man_add_argument(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"') {
            buf_add_str(out, "\\(dq");
        } else {
            buf_add_char(out, text.data[i]);
        }
    }
    buf_add_char(out, '"');
}

static bool man_begins_sentence(struct slice before, struct slice word)
{
    return before.len > 0 && before.data[before.len - 1] == '.' && word.len > 0 &&
           ((word.data[0] >= 'A' && word.data[0] <= 'Z') || (word.data[0] >= '0' && word.data[0] <= '9'));
}

/* Each sentence begins a line: the formatter sets the space between two of them. */
static void man_add_text(struct buf *out, struct slice text)
{
    struct slice before = SLICE_LIT("");
    size_t column = 0;

    while (text.data != NULL) {
        struct slice word = slice_cut(&text, ' ');

        if (column > 0) {
            bool breaks = column + 1 + word.len > MAN_COLUMNS || man_begins_sentence(before, word);

            buf_add_char(out, breaks ? '\n' : ' ');
            column = breaks ? 0 : column + 1;
        }
        man_add_word(out, word);
        column += word.len;
        before = word;
    }
    buf_add_char(out, '\n');
}

static void man_add_setting(struct buf *out, const struct conf_setting *setting, enum conf_program program)
{
    const char *default_text = setting->defaults[program];
    struct buf about = {0};

    buf_add_str(&about, conf_type_text(setting));
    conf_range_print(setting, &about);
    if (default_text[0] != '\0') buf_printf(&about, "; default %s", default_text);
    buf_printf(out, ".It Ev %s Pq ", setting->name);
    man_add_argument(out, buf_slice(&about));
    buf_add_char(out, '\n');
    man_add_text(out, slice_of(conf_help(setting, program)));
    if (setting->file_variant) buf_printf(out, ".Ev %s_FILE\nnames a file that holds it.\n", setting->name);
    if (setting->secret) buf_add_str(out, "It is masked wherever settings are printed.\n");
    if (setting->outside_file) {
        buf_add_str(out, "Only in the environment or on the command line.\n");
    } else if (!setting->reloadable) {
        buf_add_str(out, "A change takes a restart; a reload keeps what there is.\n");
    }
    buf_clear(&about);
}

void conf_print_man(enum conf_program program, struct buf *out)
{
    buf_printf(out,
               ".\\\" Made by `%s config --man`, from here to the end of the list.\n"
               ".Bl -tag -width Ds\n",
               conf_program_name(program));
    for (size_t i = 0; (i = conf_next(program, i)) < conf_setting_count(); i++) {
        man_add_setting(out, &conf_table[i], program);
    }
    buf_add_str(out, ".El\n");
}
