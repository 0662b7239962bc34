/* SPDX-License-Identifier: MIT */
#include "ops/cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_INPUTS = 16 };

static mica_dtype parse_dtype(const char *text)
{
    static const struct {
        const char *name;
        mica_dtype dtype;
    } names[] = {{"f32", MICA_DTYPE_F32}, {"f16", MICA_DTYPE_F16}, {"bf16", MICA_DTYPE_BF16},
                 {"i32", MICA_DTYPE_I32}, {"i64", MICA_DTYPE_I64}, {"bool", MICA_DTYPE_BOOL},
                 {"u8", MICA_DTYPE_U8}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t n = strlen(names[i].name);
        if (strncmp(text, names[i].name, n) == 0 && (text[n] == ' ' || text[n] == '\0'))
            return names[i].dtype;
    }
    fail_msg("'%s': no dtype", text);
    return MICA_DTYPE_F32;
}

static mica_value parse_input(mica_graph *graph, char *text)
{
    int64_t dims[MICA_MAX_RANK];
    int rank = 0;
    char *save = NULL, *colon = strchr(text, ':');
    const char *name = NULL;
    if (strcmp(text, "-") == 0)
        return mica_none();
    if (colon != NULL) {
        *colon = '\0';
        name = text;
        text = colon + 1;
    }
    mica_dtype dtype = parse_dtype(text);
    char *list = strchr(text, ' ');
    for (char *d = list != NULL ? strtok_r(list, " ,", &save) : NULL; d != NULL;
         d = strtok_r(NULL, " ,", &save)) {
        assert_true(rank < MICA_MAX_RANK);
        dims[rank++] = strcmp(d, "t") == 0   ? MICA_DIM_TOKENS
                       : strcmp(d, "s") == 0 ? MICA_DIM_SEQUENCES
                                             : strtoll(d, NULL, 10);
    }
    return mica_input(graph, name, dtype, rank, dims);
}

static size_t parse_inputs(mica_graph *graph, const char *text, mica_value inputs[MOST_INPUTS])
{
    char copy[256], *save = NULL;
    size_t n = 0;
    assert_true(strlen(text) < sizeof copy);
    strcpy(copy, text);
    for (char *one = strtok_r(copy, ";", &save); one != NULL; one = strtok_r(NULL, ";", &save)) {
        assert_true(n < MOST_INPUTS);
        inputs[n++] = parse_input(graph, one + strspn(one, " "));
    }
    return n;
}

static void run_case(const op_case *c)
{
    mica_graph *graph = NULL;
    mica_value inputs[MOST_INPUTS];
    mica_error err = {0};
    const mica_op_info *info = mica_op_get(c->op);
    assert_int_equal(mica_graph_create(&graph, NULL), MICA_OK);
    size_t n = parse_inputs(graph, c->inputs, inputs);
    assert_int_equal(mica_graph_check(graph, &err), MICA_OK);
    mica_value value = mica_graph_apply(graph, c->op, inputs, n,
                                        info->params_size ? &c->params : NULL, info->params_size);
    mica_status status = mica_graph_check(graph, &err);
    if (status != c->status)
        fail_msg("%s of %s: status %s, message '%s'", info->name, c->inputs,
                 mica_status_name(status), err.message);
    if (c->result != NULL) {
        mica_text got = mica_type_text(&mica_graph_node(graph, value)->type);
        if (strcmp(got.s, c->result) != 0)
            fail_msg("%s of %s: %s, not %s", info->name, c->inputs, got.s, c->result);
    } else {
        assert_int_equal(value.id, 0);
        assert_int_equal(err.status, c->status);
        if (strncmp(err.message, info->name, strlen(info->name)) != 0)
            fail_msg("'%s' does not begin with %s", err.message, info->name);
        for (size_t i = 0; i < 4 && c->error[i] != NULL; i++) {
            if (strstr(err.message, c->error[i]) == NULL)
                fail_msg("'%s' does not say '%s'", err.message, c->error[i]);
        }
    }
    mica_graph_destroy(&graph);
}

void run_op_cases(const op_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run_case(&cases[i]);
}
