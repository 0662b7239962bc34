/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "report_writers.h"

static void put_text(report_text *out, const char *text)
{
    bool formula = text[0] && strchr("=+-@", text[0]);
    if (!formula && !strpbrk(text, ",\"\r\n")) {
        report_put(out, text);
        return;
    }
    report_put(out, formula ? "\"'" : "\"");
    for (; *text; text++) {
        if (*text == '"')
            report_put(out, "\"");
        report_add(out, text, 1);
    }
    report_put(out, "\"");
}

static void put_number(report_text *out, double number)
{
    if (!isnan(number))
        report_addf(out, "%.9g", number);
}

static void put_field(report_text *out, const report_table *t, const char *row,
                      const report_column *column, const report_field *f)
{
    static const char *const states[] = {"ok", "faster", "slower", "missing"};
    const char *const texts[] = {t->id, t->part, row, column->name, column->unit};
    for (int i = 0; i < 5; i++) {
        put_text(out, texts[i]);
        report_put(out, ",");
    }
    put_number(out, f->value);
    report_put(out, ",");
    put_number(out, f->low);
    report_put(out, ",");
    put_number(out, f->high);
    report_addf(out, ",%s,", f->doubt ? "suspect" : states[f->mark]);
    put_text(out, f->text);
    report_put(out, ",");
    put_text(out, f->why ? f->why : "");
    report_put(out, "\r\n");
}

void report_write_csv(const report_document *d, report_text *out)
{
    report_put(out, "table,part,row,column,unit,value,low,high,state,text,why\r\n");
    for (size_t i = 0; i < d->count; i++) {
        const report_table *t = d->parts[i].table;
        for (size_t row = 0; t && row < report_table_rows(t); row++) {
            const report_field *fields = &t->fields[row * t->column_count];
            for (size_t k = 1; k < t->column_count; k++)
                if (fields[k].text[0])
                    put_field(out, t, fields[0].text, &t->columns[k], &fields[k]);
        }
    }
}
