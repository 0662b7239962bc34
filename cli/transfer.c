/* SPDX-License-Identifier: MIT
 *
 * The display of files that are being fetched:
 *
 *     3 of 8 files        [##########..........]  52 %  66.3 MB of 127.3 MB  11.2 MB/s  0:06 left
 *     model.safetensors   [#########...........]  49 %  62.1 MB of 127.1 MB
 *
 * Nothing moves but the numbers: the line of all files stays on top, and the columns depend on the
 * terminal's width alone. On a narrow terminal the last columns go first.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hub.h"

/* Before this many seconds nothing is shown: most of the time there is nothing to wait for. */
#define QUIET_SECONDS 0.3

enum { NAME_MIN = 16, NAME_MAX = 32, BAR_MIN = 10, BAR_MAX = 30 };
enum { PERCENT = 7, SIZES = 22, SPEED = 12, LEFT = 14, LINE_ROOM = 512 };

typedef struct layout {
    size_t name, bar; /* bar: with its brackets; 0 = none */
    bool percent, sizes, speed, left;
} layout;

static void terminal_size(size_t *columns, size_t *rows)
{
    struct winsize size;
    const char *text = getenv("COLUMNS");
    *columns = 80;
    *rows = 24;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        *columns = size.ws_col;
        *rows = size.ws_row ? size.ws_row : 24;
    } else if (text && atoi(text) > 0) {
        *columns = (size_t)atoi(text);
    }
}

static bool take(size_t *room, size_t columns)
{
    if (*room < columns)
        return false;
    *room -= columns;
    return true;
}

static layout arrange(size_t columns)
{
    layout l = {.name = NAME_MIN};
    size_t room = columns - 1; /* what fills the last column makes some terminals wrap */
    if (room < NAME_MIN + PERCENT)
        l.name = room > PERCENT + 4 ? room - PERCENT : room;
    room -= l.name;
    l.percent = take(&room, PERCENT);
    l.bar = take(&room, BAR_MIN + 3) ? BAR_MIN + 3 : 0;
    l.left = take(&room, LEFT);
    l.speed = take(&room, SPEED);
    l.sizes = take(&room, SIZES);
    size_t wider = room / 2 < NAME_MAX - NAME_MIN ? room / 2 : NAME_MAX - NAME_MIN;
    l.name += wider;
    room -= wider;
    if (l.bar)
        l.bar += room < BAR_MAX - BAR_MIN ? room : BAR_MAX - BAR_MIN;
    return l;
}

static size_t put(char *line, size_t used, const char *text)
{
    size_t size = strlen(text);
    if (used + size >= LINE_ROOM)
        return used;
    memcpy(line + used, text, size + 1);
    return used + size;
}

static size_t put_bar(char *line, size_t used, size_t columns, double share)
{
    char bar[BAR_MAX + 4] = " [";
    size_t inner = columns - 3;
    for (size_t i = 0; i < inner; i++)
        bar[2 + i] = i < (size_t)(share * (double)inner + 0.5) ? '#' : '.';
    bar[2 + inner] = ']';
    bar[3 + inner] = 0;
    return put(line, used, bar);
}

/* The name and what goes beside it on every line; returns the bytes in the line. */
static size_t put_share(char *line, const layout *l, const char *name, int64_t done, int64_t total)
{
    char text[64], have[16], all[16];
    double share = total > 0 ? (double)done / (double)total : done > 0;
    share = share > 1 ? 1 : share;
    size_t used = fit_text(name, l->name, line, LINE_ROOM);
    if (l->bar)
        used = put_bar(line, used, l->bar, share);
    if (l->percent) {
        snprintf(text, sizeof text, "  %3d %%", (int)(share * 100));
        used = put(line, used, text);
    }
    if (l->sizes) {
        size_text(done, have, sizeof have);
        size_text(total, all, sizeof all);
        snprintf(text, sizeof text, "  %8s of %8s", have, all);
        used = put(line, used, text);
    }
    return used;
}

static void put_total(char *line, const layout *l, const mica_hub_progress *p)
{
    char name[64], text[64], speed[16];
    snprintf(name, sizeof name, "%zu of %zu file%s", p->files_done, p->files,
             p->files == 1 ? "" : "s");
    size_t used = put_share(line, l, name, p->done, p->total);
    if (l->speed && p->bytes_per_second > 0) {
        size_text((int64_t)p->bytes_per_second, speed, sizeof speed);
        snprintf(text, sizeof text, "  %8s/s", speed);
        used = put(line, used, text);
    }
    if (l->left && p->seconds_left >= 0 && p->seconds_left < 360000) {
        long s = (long)(p->seconds_left + 0.5);
        if (s >= 3600)
            snprintf(text, sizeof text, "  %ld:%02ld:%02ld left", s / 3600, s / 60 % 60, s % 60);
        else
            snprintf(text, sizeof text, "  %ld:%02ld left", s / 60, s % 60);
        put(line, used, text);
    }
}

static void put_file(char *line, const layout *l, const mica_hub_file_progress *file)
{
    if (!file->waiting) {
        put_share(line, l, file->path, file->done, file->total);
        return;
    }
    size_t used = fit_text(file->path, l->name, line, LINE_ROOM);
    if (l->bar)
        put(line, used, " (in use)");
    if (l->left)
        put(line, used, " (another process fetches it)");
}

/* ---- drawing ---- */

void transfer_start(transfer *t, bool quiet)
{
    memset(t, 0, sizeof *t);
    t->on = progress_wanted(quiet);
    t->started = seconds_now();
}

void transfer_erase(transfer *t)
{
    size_t columns, rows, up = 0;
    if (t->lines == 0)
        return;
    terminal_size(&columns, &rows);
    /* A terminal that has become narrower has wrapped them. */
    for (size_t i = 0; i < t->lines; i++)
        up += t->columns[i] > columns ? (t->columns[i] + columns - 1) / columns : 1;
    if (up > 1)
        fprintf(stderr, "\033[%zuA", up - 1);
    fprintf(stderr, "\r\033[J");
    t->lines = 0;
}

void transfer_show(transfer *t, const mica_hub_progress *p)
{
    char lines[TRANSFER_LINES][LINE_ROOM];
    double now = seconds_now();
    size_t columns, rows, count = 0;
    if (!t->on || now - t->started < QUIET_SECONDS || now - t->shown < 0.09)
        return;
    terminal_size(&columns, &rows);
    layout l = arrange(columns);
    size_t most = rows > 4 ? rows - 3 : 1;
    most = most < TRANSFER_LINES ? most : TRANSFER_LINES;
    put_total(lines[count++], &l, p);
    for (size_t i = 0; i < p->active_count && count < most; i++)
        put_file(lines[count++], &l, &p->active[i]);
    transfer_erase(t);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%s%s", i ? "\n" : "", lines[i]);
        t->columns[i] = text_columns(lines[i]);
    }
    fflush(stderr);
    t->lines = count;
    t->shown = now;
}

void transfer_end(transfer *t)
{
    transfer_erase(t);
    t->on = false;
}
