// SPDX-License-Identifier: GPL-2.0
/*
 * What is the text of a page now?
 */
#include <metrics/texts.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <util/auto.h>
#include <util/clock.h>
#include <util/log.h>

/* Of thousands of interfaces. */
#define MAX_SIZE (16L << 20)

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void texts_init(struct texts *texts, texts_write write, void *context)
{
	*texts = (struct texts){ .write = write, .context = context };
	for (size_t i = 0; i < CHANNEL_PAGES; i++)
		texts->items[i].fd = -1;
}

void texts_done(struct texts *texts)
{
	for (size_t i = 0; i < CHANNEL_PAGES; i++)
		auto_release_fd(&texts->items[i].fd);
}

static int fail(int ret, struct error *err)
{
	return error_set(err, ret, "cannot keep a page in memory: %s", strerror(-ret));
}

static int write_text(const struct texts *texts, enum channel_word page, int fd, struct error *err)
{
	auto_fd int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	auto_file FILE *out = own < 0 ? NULL : fdopen(own, "w");
	int ret;

	if (!out)
		return fail(-errno, err);
	auto_take_fd(&own);
	ret = texts->write(texts->context, page, out, err);
	if (ret)
		return ret;
	if (fflush(out) || ferror(out))
		return fail(errno ? -errno : -EIO, err);
	return ftell(out) > MAX_SIZE ? fail(-E2BIG, err) : 0;
}

/* Returns a descriptor. */
static int make(const struct texts *texts, enum channel_word page, struct error *err)
{
	auto_fd int fd = memfd_create("xdp-ipfilter-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret;

	if (fd < 0)
		return fail(-errno, err);
	ret = write_text(texts, page, fd, err);
	if (ret)
		return ret;
	if (fcntl(fd, F_ADD_SEALS, SEALS))
		return fail(-errno, err);
	return auto_take_fd(&fd);
}

static void renew(const struct texts *texts, enum channel_word page, struct text *text)
{
	struct error err = { 0 };
	int fd = make(texts, page, &err);

	auto_release_fd(&text->fd);
	if (fd < 0 && strcmp(err.text, text->err.text) != 0)
		log_warning("%s", err.text);
	text->fd = fd;
	text->err = err;
	text->made_ms = clock_monotonic_ms();
}

int texts_get(struct texts *texts, enum channel_word page, struct error *err)
{
	struct text *text = &texts->items[page];

	if (!text->made_ms || clock_monotonic_ms() - text->made_ms >= TEXTS_KEEP_MS)
		renew(texts, page, text);
	return text->fd < 0 ? error_set(err, text->fd, "%s", text->err.text) : text->fd;
}
