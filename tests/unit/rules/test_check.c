#include "test_rules.h"

#include <stdlib.h>

#include "base/mem.h"

/* The faults of an expression in long.enter, or in long.exit. */
static void enter(const char *expression, const char *expected)
{
    char *document = mem_printf("{\"long\":{\"enter\":\"%s\"}}", expression);
    char *found = rig_faults("rules", document);

    UNIT_STR(found, expected);
    free(document);
    free(found);
}

static void leave(const char *expression, const char *expected)
{
    char *document = mem_printf("{\"long\":{\"enter\":\"true\",\"exit\":\"%s\"}}", expression);
    char *found = rig_faults("rules", document);

    UNIT_STR(found, expected);
    free(document);
    free(found);
}

static void whole(const char *document, const char *expected)
{
    char *found = rig_faults("rules", document);

    UNIT_STR(found, expected);
    free(found);
}

static void test_check_good(void)
{
    enter("close > open", "");
    enter("close > sma(close, 2 * 10)", "");
    enter("tf('4h', close > ema(close, 20))", "");
    enter("tf('1h', tf('1d', close)) > 1", "");
    enter("(close > open)[3] and not rising(close, 2)", "");
    enter("if(close > open, true, close > 3)", "");
    enter("tr > 2 and hour == 3", "");
    enter("close > sma(close, max(2, floor(7 / 2)))", "");
    leave("bars_held > 3 and close > entry_price * 1.02", "");
    leave("max(entry_price, close) > 3 or equity < 3 or known(entry_price)", "");
}

static void test_check_names(void)
{
    enter("clsoe > 1", "unknown name clsoe (did you mean close?), in long.enter at column 1");
    enter("foo > 1", "unknown name foo, in long.enter at column 1");
    enter("1 > smaa(close, 3)", "unknown function smaa (did you mean sma?), in long.enter at column 5");
    enter("qqqqq(zzzz) > 1", "unknown function qqqqq; docs/rules.md and \"backtestd functions\" list all functions, in "
                             "long.enter at column 1\nunknown name zzzz, in long.enter at column 7");
    enter("close(3) > 1",
          "close is a column, not a function; its value k bars ago is close[k], in long.enter at column 1");
    enter("sma > 1", "sma is a function: write it with its arguments, sma(x, length), in long.enter at column 1");
    enter("$n > 1", "the parameter $n is missing in params, in long.enter at column 1");
    whole("{\"params\":{\"fast\":3,\"slow\":4},\"long\":{\"enter\":\"close > sma(close, $fsat)\"}}",
          "the parameter $fsat is missing in params (did you mean fast?), in long.enter at column 20\n"
          "the parameter is not used: no expression has $fast; remove it, or use it, in params.fast\n"
          "the parameter is not used: no expression has $slow; remove it, or use it, in params.slow");
    whole("{\"params\":{\"n\":3},\"long\":{\"enter\":\"close > n\"}}",
          "unknown name n; write the parameter as $n, in long.enter at column 9\n"
          "the parameter is not used: no expression has $n; remove it, or use it, in params.n");
}

static void test_check_arguments(void)
{
    enter("close > sma(close)",
          "sma(close): the second argument (length) is missing; write sma(x, length), in long.enter at column 9");
    enter("atr() > 1", "atr(): the first argument (length) is missing; write atr(length), in long.enter at column 1");
    enter("sma(close, 3, 4) > 1", "sma(close, 3, 4): the function takes 2 arguments, but 3 are given: sma(x, length), "
                                  "in long.enter at column 15");
    enter("hour(3) > 1", "hour(3): the first argument (zone) must be a time zone in quotes, such as "
                         "'America/New_York', but is 3, in long.enter at column 6");
    enter("sma(close, 0) > 1", "sma(close, 0): the second argument (length) must be between 1 and 10000, but is 0, in "
                               "long.enter at column 12");
    enter("sma(close, 10001) > 1",
          "sma(close, 10001): the second argument (length) must be between 1 and 10000, but is "
          "10001, in long.enter at column 12");
    enter("sma(close, 2.5) > 1", "sma(close, 2.5): the second argument (length) must be a whole number, but is 2.5, in "
                                 "long.enter at column 12");
    enter(
        "sma(close, close) > 1",
        "sma(close, close): the second argument (length) must be a constant: a number, a $parameter, or arithmetic of "
        "these, in long.enter at column 12");
    enter("sma(close > 1, 3) > 1",
          "sma(close > 1, 3): the first argument (x) must be a number, but close > 1 is a condition "
          "(true or false), in long.enter at column 5");
    enter("barssince(close) > 1",
          "barssince(close): the first argument (c) must be a condition (true or false), but close is "
          "a number, in long.enter at column 11");
    enter("sma('x', 3) > 1", "text in quotes can only be the timeframe of tf(), as in tf('4h', close), or a time "
                             "zone, as in hour('America/New_York'), in long.enter at column 5");
    whole("{\"params\":{\"n\":0},\"long\":{\"enter\":\"close > sma(close, $n)\"}}",
          "sma(close, $n): the second argument (length) must be between 1 and 10000, but is 0, in long.enter at column "
          "20");
    enter("close > sma(close, 1 / 0)", "sma(close, 1 / 0): the second argument (length) must be a whole number, but "
                                       "1 / 0 is not a number, in long.enter at column 20");
}

static void test_check_types(void)
{
    enter("close", "long.enter must be a condition (true or false), but close is a number, in long.enter at column 1");
    enter("close + (close > 1) > 2",
          "close + (close > 1): the right side of + must be a number, but close > 1 is a condition "
          "(true or false), in long.enter at column 10");
    enter("close and true",
          "close and true: the left side of and must be a condition (true or false), but close is a number, "
          "in long.enter at column 1");
    enter("not close", "not close: the value after of not must be a condition (true or false), but close is a number, "
                       "in long.enter at column 5");
    enter("if(close, 1, 2) > 1",
          "if(close, 1, 2): the first argument of if must be a condition, but close is a number, in "
          "long.enter at column 4");
    enter("if(close > 1, 1, close > 2) > 1",
          "if(close > 1, 1, close > 2): both values of if must be of the same type, but 1 is a "
          "number and close > 2 is a condition (true or false), in long.enter at column 18");
    enter("if(close > 1, 1) > 1",
          "if(close > 1, 1): if takes 3 arguments, a condition and two values, such as if(close > open, 1, 2), "
          "in long.enter at column 1");
    enter("close[-1] > 1",
          "close[-1]: the number of bars in [ ] must be 0 or more: the future is not known, in long.enter at "
          "column 7");
    enter("close[close] > 1", "close[close]: the number of bars in [ ] must be a constant whole number, but is close, "
                              "in long.enter at column 7");
    enter(
        "close[0.5] > 1",
        "close[0.5]: the number of bars in [ ] must be a constant whole number, but is 0.5, in long.enter at column 7");
    enter("close[20000] > 1",
          "close[20000]: the number of bars in [ ] must be at most 10000, but is 20000, in long.enter at "
          "column 7");
    whole("{\"long\":{\"enter\":\"true\"},\"stop\":{\"percent\":0}}",
          "stop.percent must be above 0, but is 0, in stop.percent "
          "at column 1");
    whole("{\"long\":{\"enter\":\"true\"},\"stop\":{\"distance\":\"close > 1\"}}",
          "stop.distance must be a number, but close > 1 is a condition (true or false), in stop.distance at column 1");
    whole("{\"long\":{\"enter\":\"true\"},\"size\":{\"units\":-1}}",
          "size must be above 0, but is -1, in size.units at column 1");
}

static void test_check_position(void)
{
    enter("close > entry_price",
          "close > entry_price depends on the position (entry_price, bars_held, equity), which is known "
          "in exits and levels only, in long.enter at column 1");
    leave("sma(entry_price, 3) > 1",
          "sma(entry_price, 3): the first argument (x) depends on the position, which has no "
          "history: only operators and the functions of the family math can use it, in long.exit at column 5");
    leave("entry_price[1] > 1",
          "entry_price[1]: entry_price depends on the position, which has no history, in long.exit at column 1");
    leave("tf('1h', equity) > 1",
          "tf('1h', equity): equity depends on the position, which a higher timeframe does not know, in "
          "long.exit at column 10");
    whole("{\"let\":{\"p\":\"entry_price * 2\"},\"long\":{\"enter\":\"close > p\"}}",
          "close > p depends on the position (entry_price, bars_held, equity), which is known in exits and levels "
          "only, in "
          "long.enter at column 1");
}

static void test_check_timeframes(void)
{
    enter("tf('5x', close) > 1", "tf('5x', close): a timeframe is a whole number and m, h, d or w, at most 4 weeks, "
                                 "such as '15m', '4h', '1d' or '1w', in long.enter at column 4");
    enter("tf('0h', close) > 1", "tf('0h', close): a timeframe is a whole number and m, h, d or w, at most 4 weeks, "
                                 "such as '15m', '4h', '1d' or '1w', in long.enter at column 4");
    enter("tf(close, '4h') > 1",
          "tf(close, '4h'): the first argument of tf must be a timeframe in quotes, such as '4h', in "
          "long.enter at column 4");
    enter("tf('4h') > 1", "tf('4h'): tf takes 2 arguments, a timeframe and an expression, such as tf('4h', close), in "
                          "long.enter at column 1");
}

static void test_check_lets(void)
{
    whole("{\"let\":{\"a\":\"b\",\"b\":\"c + 1\",\"c\":\"a\",\"d\":\"a\"},\"long\":{\"enter\":\"d > 1\"}}",
          "the name is defined by itself: a -> b -> c -> a, in let.a");
    whole("{\"let\":{\"a\":\"a\"},\"long\":{\"enter\":\"a > 1\"}}", "the name is defined by itself: a -> a, in let.a");
    whole("{\"let\":{\"a\":\"z\",\"b\":\"x\",\"x\":\"b\",\"z\":\"a\"},\"long\":{\"enter\":\"true\"}}",
          "the name is defined by itself: a -> z -> a, in let.a\nthe name is defined by itself: b -> x -> b, in let.b");
    whole("{\"let\":{\"a\":\"nope\"},\"long\":{\"enter\":\"a > 1\"}}",
          "unknown name nope (did you mean open?), in let.a at column 1");
    whole("{\"let\":{\"z\":\"a + 1\",\"a\":\"close\"},\"long\":{\"enter\":\"z > 1\"}}", "");
    whole("{\"let\":{\"rsi\":\"rsi(close, 14)\"},\"long\":{\"enter\":\"rsi < 30\"}}", "");
}

/* All are told, not only the first. */
static void test_check_all(void)
{
    whole("{\"let\":{\"a\":\"sma(close)\",\"b\":\"rsi(close, 0)\"},\"long\":{\"enter\":\"a > foo and b > "
          "\",\"exit\":\"close\"},"
          "\"params\":{\"p\":1}}",
          "expected a value, but the expression ends, in long.enter at column 17\n"
          "sma(close): the second argument (length) is missing; write sma(x, length), in let.a at column 1\n"
          "rsi(close, 0): the second argument (length) must be between 1 and 10000, but is 0, in let.b at column 12\n"
          "long.exit must be a condition (true or false), but close is a number, in long.exit at column 1");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_check_good),  UNIT_TEST(test_check_names),    UNIT_TEST(test_check_arguments),
    UNIT_TEST(test_check_types), UNIT_TEST(test_check_position), UNIT_TEST(test_check_timeframes),
    UNIT_TEST(test_check_lets),  UNIT_TEST(test_check_all),
};
const struct unit_part check_tests = UNIT_PART(tests);
