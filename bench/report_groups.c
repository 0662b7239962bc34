/* SPDX-License-Identifier: MIT
 *
 * Which cells go into which average.
 */
#include <string.h>

#include "report.h"

static const report_class fp32 = {REPORT_FP32, false};

bool report_is_mixed(const report_cell *cell)
{
    return strcmp(cell->length, "mixed") == 0;
}

/* `test` says whether a cell belongs into the group that `about` is an example of. Cells in which
 * nothing of the class was run are left out. */
static report_group collect(const report *r, const report_cell *cells, size_t count,
                            report_class class,
                            bool (*test)(const report_cell *cell, const report_cell *about),
                            const report_cell *about)
{
    report_group g = {.label = ""};
    size_t members = 0;
    for (size_t i = 0; i < count; i++)
        members += test(&cells[i], about);
    g.matches = report_alloc(r->pool, members + 1, sizeof *g.matches);
    for (size_t i = 0; i < count && g.matches; i++)
        if (test(&cells[i], about)) {
            g.matches[g.count] = report_match_fastest(r->pool, &cells[i], class);
            g.count += g.matches[g.count].mica || g.matches[g.count].peer;
        }
    g.average = report_average_of(r->pool, g.matches, g.count, class);
    return g;
}

static bool same_group(const report_cell *cell, const report_cell *about)
{
    return strcmp(cell->group, about->group) == 0;
}

static bool same_length(const report_cell *cell, const report_cell *about)
{
    return same_group(cell, about) && strcmp(cell->length, about->length) == 0;
}

static bool same_batch(const report_cell *cell, const report_cell *about)
{
    return same_group(cell, about) && cell->batch == about->batch && !report_is_mixed(cell);
}

static bool same_model(const report_cell *cell, const report_cell *about)
{
    return same_group(cell, about) && report_is_mixed(cell) == report_is_mixed(about);
}

static bool same_set(const report_cell *cell, const report_cell *about)
{
    return strcmp(cell->set, about->set) == 0;
}

static bool same_op(const report_cell *cell, const report_cell *about)
{
    return same_group(cell, about) && same_set(cell, about);
}

static bool any_length(const report_cell *cell, const report_cell *about)
{
    return about->length[0] ? strcmp(cell->length, about->length) == 0 : !report_is_mixed(cell);
}

report_group report_group_of_ops(const report *r, const char *set)
{
    const report_cell about = {.set = set};
    return collect(r, r->results->ops, r->results->op_count, fp32, same_set, &about);
}

report_group report_group_of_cells(const report *r, report_class class, const char *length)
{
    const report_cell about = {.length = length};
    return collect(r, r->results->models, r->results->cell_count, class, any_length, &about);
}

/* How many of the paper's cells go into its average of that name. */
static size_t count_published(const report *r, char table, const char *name)
{
    size_t n = 0, size = strlen(name);
    for (size_t i = 0; i < r->paper->count; i++) {
        const report_published *f = &r->paper->figures[i];
        n += f->table == table && f->device == REPORT_HOST &&
             (size == 0 || (strncmp(f->name, name, size) == 0 && f->name[size] == ' '));
    }
    return n;
}

/* The first cell of each group among `cells`. */
static bool is_first(const report_cell *cells, size_t i,
                     bool (*test)(const report_cell *, const report_cell *))
{
    for (size_t k = 0; k < i; k++)
        if (test(&cells[k], &cells[i]))
            return false;
    return true;
}

bool report_begins_model(const report *r, size_t cell)
{
    return is_first(r->results->models, cell, same_group);
}

report_group *report_groups_of_ops(const report *r, size_t *count)
{
    const report_cell *cells = r->results->ops;
    size_t all = r->results->op_count, n = 0;
    report_group *groups = report_alloc(r->pool, all + 1, sizeof *groups);
    *count = 0;
    for (int paper = 1; paper >= 0 && groups; paper--)
        for (size_t i = 0; i < all; i++) {
            if (cells[i].paper != (paper == 1) || !is_first(cells, i, same_op))
                continue;
            groups[n] = collect(r, cells, all, fp32, same_op, &cells[i]);
            groups[n].label =
                paper ? cells[i].group
                      : report_print(r->pool, "%s, %s", cells[i].group,
                                     strcmp(cells[i].set, "encoders") == 0 ? "encoders' sizes"
                                                                           : cells[i].set);
            groups[n].published = paper ? cells[i].group : NULL;
            groups[n].expected = paper ? count_published(r, 'A', cells[i].group) : 0;
            n++;
        }
    *count = n;
    return groups;
}

report_group *report_groups_of_models(const report *r, char table, report_class class,
                                      size_t *count)
{
    const report_cell *cells = r->results->models;
    size_t all = r->results->cell_count, n = 0;
    bool (*test)(const report_cell *, const report_cell *) = table == 'D'   ? same_length
                                                             : table == 'E' ? same_batch
                                                                            : same_model;
    report_group *groups = report_alloc(r->pool, all + 1, sizeof *groups);
    *count = 0;
    for (size_t i = 0; i < all && groups; i++) {
        const report_cell *c = &cells[i];
        bool mixed = report_is_mixed(c);
        if ((table == 'E' && mixed) || !is_first(cells, i, test))
            continue;
        groups[n] = collect(r, cells, all, class, test, c);
        groups[n].published = c->group;
        groups[n].expected = count_published(r, 'C', c->group);
        if (table == 'D') {
            groups[n].label = mixed
                                  ? report_print(r->pool, "%s, mixed lengths", c->group)
                                  : report_print(r->pool, "%s, %s characters", c->group, c->length);
            groups[n].published =
                report_print(r->pool, "%s / inputs-char-no=%s", c->group, c->length);
            groups[n].expected = count_published(r, 'C', groups[n].published);
        } else if (table == 'E') {
            groups[n].label =
                report_print(r->pool, "%s, batch of %lld", c->group, (long long)c->batch);
            groups[n].published =
                report_print(r->pool, "%s / batch-size=%lld", c->group, (long long)c->batch);
            /* Of as many lengths as there are rows of one batch size. */
            groups[n].expected = count_published(r, 'C', c->group) / 3;
        } else {
            groups[n].label = mixed ? report_print(r->pool, "%s, mixed", c->group) : c->group;
        }
        if (mixed || !report_paper_find(r->paper, table, REPORT_HOST, groups[n].published)) {
            groups[n].published = NULL;
            groups[n].expected = 0;
        }
        n++;
    }
    *count = n;
    return groups;
}
