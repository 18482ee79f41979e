// SPDX-License-Identifier: GPL-2.0
/*
 * What do Debian's static libraries need of glibc that musl does not have?
 *
 * They are compiled for glibc, whose headers make checked functions of common ones: each comes with
 * the size of what it writes to. For testing/musl.sh, which links programs with them and musl.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__memcpy_chk(void *to, const void *from, size_t count, size_t size);
void *__memset_chk(void *to, int byte, size_t count, size_t size);
char *__strcpy_chk(char *to, const char *from, size_t size);
char *__strncpy_chk(char *to, const char *from, size_t count, size_t size);
char *__strcat_chk(char *to, const char *from, size_t size);
char *__realpath_chk(const char *path, char *to, size_t size);
int __vfprintf_chk(FILE *to, int flag, const char *format, va_list args);
int __fprintf_chk(FILE *to, int flag, const char *format, ...);
int __vdprintf_chk(int to, int flag, const char *format, va_list args);
int __vsnprintf_chk(char *to, size_t count, int flag, size_t size, const char *format,
		    va_list args);
int __snprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, ...);
int __sprintf_chk(char *to, int flag, size_t size, const char *format, ...);
void *rawmemchr(const void *from, int byte);
int fcntl64(int fd, int command, ...);

static void must_fit(size_t count, size_t size)
{
	if (count > size)
		abort();
}

void *__memcpy_chk(void *to, const void *from, size_t count, size_t size)
{
	must_fit(count, size);
	return memcpy(to, from, count);
}

void *__memset_chk(void *to, int byte, size_t count, size_t size)
{
	must_fit(count, size);
	return memset(to, byte, count);
}

char *__strcpy_chk(char *to, const char *from, size_t size)
{
	must_fit(strlen(from) + 1, size);
	return strcpy(to, from);
}

char *__strncpy_chk(char *to, const char *from, size_t count, size_t size)
{
	must_fit(count, size);
	return strncpy(to, from, count);
}

char *__strcat_chk(char *to, const char *from, size_t size)
{
	must_fit(strlen(to) + strlen(from) + 1, size);
	return strcat(to, from);
}

char *__realpath_chk(const char *path, char *to, size_t size)
{
	must_fit(PATH_MAX, size);
	return realpath(path, to);
}

int __vfprintf_chk(FILE *to, int flag, const char *format, va_list args)
{
	(void)flag;
	return vfprintf(to, format, args);
}

int __fprintf_chk(FILE *to, int flag, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = __vfprintf_chk(to, flag, format, args);
	va_end(args);
	return length;
}

int __vdprintf_chk(int to, int flag, const char *format, va_list args)
{
	(void)flag;
	return vdprintf(to, format, args);
}

int __vsnprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, va_list args)
{
	(void)flag;
	must_fit(count, size);
	return vsnprintf(to, count, format, args);
}

int __snprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = __vsnprintf_chk(to, count, flag, size, format, args);
	va_end(args);
	return length;
}

int __sprintf_chk(char *to, int flag, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	(void)flag;
	va_start(args, format);
	length = vsnprintf(to, size < INT_MAX ? size : INT_MAX, format, args);
	va_end(args);
	must_fit((size_t)length + 1, size);
	return length;
}

void *rawmemchr(const void *from, int byte)
{
	return memchr(from, byte, PTRDIFF_MAX);
}

int fcntl64(int fd, int command, ...)
{
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	return fcntl(fd, command, argument);
}
