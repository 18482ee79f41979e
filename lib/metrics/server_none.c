// SPDX-License-Identifier: GPL-2.0
/*
 * How is a page served by HTTP, in a build that cannot?
 */
#include <metrics/server.h>

#include <errno.h>

#include <util/error.h>

int server_check(struct error *err)
{
	return error_set(err, -ENOTSUP,
			 "--listen: this program was built without libmicrohttpd, which serves "
			 "pages; install libmicrohttpd-dev, then configure and build it again, or "
			 "use -o FILE");
}

int server_run(int listener, server_write write, void *context, struct error *err)
{
	(void)listener;
	(void)write;
	(void)context;
	return server_check(err);
}
