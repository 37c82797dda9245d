/* `backtestd candles`: its verbs; and `check`: what is in files of candles, and whether it is sound. */
#include <stdio.h>

#include "backtestd/backtestd.h"
#include "backtestd/market.h"
#include "backtestd/report.h"
#include "candles/fingerprint.h"

static const struct command_option candles_check_options[] = {
    BACKTESTD_READING_OPTIONS,
    {.name = "--json", .type = COMMAND_FLAG, .help = "print the report as JSON, for programs"},
    {0},
};

static int candles_check_main(const struct command_line *line, const struct command_context *context)
{
    struct market market = {0};
    char data[DIGEST_SHA256_HEX_BYTES];
    struct buf out = {0};
    struct error err;
    int64_t timeframe_ms;
    int status = COMMAND_OK;

    (void)context;
    if (market_timeframe(line, &timeframe_ms, &err) != 0 ||
        market_read(line, line->operands, line->operand_count, timeframe_ms, &market, &err) != 0 ||
        candles_fingerprint(candles_series_view(market.series), data, &err) != 0) {
        status = backtestd_fail(line, &err);
    } else {
        const struct report subject = {.market = &market, .data = data};

        if (command_has(line, "--json")) {
            report_json(&subject, &out);
        } else {
            report_text(line, &subject, &out);
        }
        fwrite(out.data, 1, out.len, stdout);
        if (market.report.rejected > 0 || market.report.conflicts > 0) status = COMMAND_WRONG;
    }
    buf_clear(&out);
    market_clear(&market);
    return status;
}

static const struct command_entry candles_verb_check = {
    .name = "check",
    .summary = "check every row of files of candles, and report what is in them",
    .about = "FILE is CSV in many formats, also as gzip or zip; - is standard input.\n"
             "Several files make one series. Rows need not be sorted. Gaps are listed, not filled.\n"
             "Exit status: 0 if every row is valid, 65 if some are not; each is listed with file and line.\n",
    .options = candles_check_options,
    .operand = "FILE",
    .operands_min = 1,
    .operands_max = SIZE_MAX,
    .run = candles_check_main,
};

static const struct command_entry *const candles_verbs[] = {
    &candles_verb_check,
    &candles_verb_import,
    &candles_verb_export,
    &candles_verb_list,
    &candles_verb_verify,
    &candles_verb_delete,
    NULL,
};

const struct command_entry backtestd_candles = {
    .name = "candles",
    .summary = "import, export, list and check candles",
    .about = "Candles are stored in the database of DATABASE_URL. Reading them takes the role of the service;\n"
             "import and delete take that of the API (or of the tables' owner):\n"
             "    DATABASE_URL=postgresql://stratslab_api:PASSWORD@HOST/DATABASE backtestd candles import ...\n",
    .verbs = candles_verbs,
};
