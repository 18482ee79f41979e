// SPDX-License-Identifier: GPL-2.0
/*
 * Which networks does a MaxMind DB file have, as a table of text?
 *
 * The file has a binary tree, one level for each bit of an address, whose leaves point to records
 * (https://maxmind.github.io/MaxMind-DB/). IPv4 is below ::/96; ::ffff:0:0/96, 2002::/16 and others
 * point to the same node. Many leaves share a record, so each is read once.
 */
#include <source/mmdb.h>

#include <errno.h>
#include <inttypes.h>
#include <maxminddb.h>
#include <stdlib.h>
#include <string.h>

#include <feed/where.h>
#include <ruleset/address.h>
#include <util/array.h>
#include <util/clock.h>
#include <util/error.h>

#define MAPPED_BITS 96
#define PATH_LENGTH 8     /* of a key: country.names.en has three parts */
#define VALUE_LENGTH 128  /* longer ones are cut: none that a user asks for is */
#define DATA_SEPARATOR 16 /* bytes between the tree and the records */

/* How long the records may take, where a damaged file has many that overlap: 50 times as long as
 * those of the files that are published, and for a moment in any case. */
#define PATIENCE_NS CLOCK_NS_PER_S
#define PATIENCE_NS_PER_BYTE UINT64_C(2000)

struct mmdb {
	MMDB_s file;
	const char *name;
};

/* The values of a record, as they are written: ",RU,". */
struct row {
	uint32_t offset; /* of the record */
	char *text;      /* NULL: the slot is free; "" if there is no value */
};

/* A table of rows by offset; a power of two in size. */
struct rows {
	struct row *slots;
	size_t size, count;
};

struct walk {
	struct mmdb *mmdb;
	const struct where_condition *conditions;
	size_t count;
	bool found[WHERE_CONDITIONS]; /* a record has the key */
	FILE *out;
	struct error *err;
	struct rows rows;
	uint64_t visits;
	uint64_t until_ns; /* by clock_work_ns() */
	bool has_ipv4;     /* at ::/96, which comes before ::ffff:0:0/96 */
	/* What is still to be written, because the next network may continue it. */
	const char *row; /* NULL: nothing */
	struct address first, last;
};

static int damaged(const struct walk *walk, const char *fault)
{
	return error_set_usage(walk->err, "%s: the database is damaged: %s", walk->mmdb->name,
			       fault);
}

/* --- Keys ------------------------------------------------------------------------------------- */

static struct ipf_key bit_of(unsigned int depth)
{
	if (depth < 64)
		return (struct ipf_key){ .high = UINT64_C(1) << (63 - depth) };
	return (struct ipf_key){ .low = UINT64_C(1) << (127 - depth) };
}

static struct ipf_key with_bit(struct ipf_key key, unsigned int depth)
{
	const struct ipf_key bit = bit_of(depth);

	return (struct ipf_key){ key.high | bit.high, key.low | bit.low };
}

/* The last key of the network. */
static struct ipf_key last_of(struct ipf_key key, unsigned int depth)
{
	for (; depth < 128; depth++)
		key = with_bit(key, depth);
	return key;
}

/* ::/96 and ::ffff:0:0/96 */
static const struct ipf_key ipv4_key = { 0, 0 };
static const struct ipf_key mapped_key = { 0, UINT64_C(0xffff) << 32 };

/* Is the first network (a key and its bits) inside the other one, of 96 bits? */
static bool is_inside(struct ipf_key key, unsigned int depth, const struct ipf_key *outer)
{
	return depth >= MAPPED_BITS && key.high == outer->high && key.low >> 32 == outer->low >> 32;
}

static bool is_around(struct ipf_key key, unsigned int depth, const struct ipf_key *inner)
{
	const struct ipf_key last = last_of(key, depth);

	return depth < MAPPED_BITS && address_key_compare(&key, inner) <= 0 &&
	       address_key_compare(inner, &last) <= 0;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static struct row *find_row(const struct rows *rows, uint32_t offset)
{
	size_t at = (offset * UINT32_C(2654435761)) & (rows->size - 1);

	while (rows->slots[at].text && rows->slots[at].offset != offset)
		at = (at + 1) & (rows->size - 1);
	return &rows->slots[at];
}

static int grow_rows(struct rows *rows)
{
	struct rows larger = { .size = rows->size ? rows->size * 2 : 1024, .count = rows->count };

	if (rows->size && rows->count < rows->size / 2)
		return 0;
	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < rows->size; i++)
		if (rows->slots[i].text)
			*find_row(&larger, rows->slots[i].offset) = rows->slots[i];
	free(rows->slots);
	*rows = larger;
	return 0;
}

static void rows_done(struct rows *rows)
{
	for (size_t i = 0; i < rows->size; i++)
		free(rows->slots[i].text);
	free(rows->slots);
}

/* --- Records ---------------------------------------------------------------------------------- */

/* Splits "country.iso_code" at its dots. Returns false if it is too long. */
static bool split_path(const char *name, char *copy, size_t size, const char *path[PATH_LENGTH + 1])
{
	size_t parts = 0;
	char *next = copy;

	if (strlen(name) >= size)
		return false;
	strcpy(copy, name);
	while (next) {
		if (parts == PATH_LENGTH)
			return false;
		path[parts++] = strsep(&next, ".");
	}
	path[parts] = NULL;
	return true;
}

/* The value as text, without what would end a field or a line. */
static bool format_value(const MMDB_entry_data_s *data, char text[VALUE_LENGTH])
{
	uint32_t length = data->data_size < VALUE_LENGTH - 1 ? data->data_size : VALUE_LENGTH - 1;

	switch (data->type) {
	case MMDB_DATA_TYPE_UTF8_STRING:
		for (uint32_t i = 0; i < length; i++) {
			char c = data->utf8_string[i];

			text[i] = (unsigned char)c < ' ' || c == ',' || c == '"' ? ' ' : c;
		}
		text[length] = '\0';
		return true;
	case MMDB_DATA_TYPE_UINT16:
		snprintf(text, VALUE_LENGTH, "%u", (unsigned int)data->uint16);
		return true;
	case MMDB_DATA_TYPE_UINT32:
		snprintf(text, VALUE_LENGTH, "%" PRIu32, data->uint32);
		return true;
	case MMDB_DATA_TYPE_INT32:
		snprintf(text, VALUE_LENGTH, "%" PRId32, data->int32);
		return true;
	case MMDB_DATA_TYPE_UINT64:
		snprintf(text, VALUE_LENGTH, "%" PRIu64, data->uint64);
		return true;
	case MMDB_DATA_TYPE_BOOLEAN:
		snprintf(text, VALUE_LENGTH, "%s", data->boolean ? "true" : "false");
		return true;
	default: /* a map of more values, most likely */
		return false;
	}
}

/* Reads what the record has at this path. *found: it has something. */
static int read_path(struct walk *walk, MMDB_entry_s *entry, const char *name,
		     char text[VALUE_LENGTH], bool *found)
{
	const char *path[PATH_LENGTH + 1];
	MMDB_entry_data_s data = { .has_data = false };
	char copy[VALUE_LENGTH];
	int status;

	*found = false;
	if (clock_work_ns() > walk->until_ns)
		return damaged(walk, "its records take too long to read");
	if (!split_path(name, copy, sizeof(copy), path))
		return 0;
	status = MMDB_aget_value(entry, &data, path);
	if (status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
		return 0;
	if (status == MMDB_OUT_OF_MEMORY_ERROR)
		return error_no_memory(walk->err);
	if (status != MMDB_SUCCESS)
		return damaged(walk, MMDB_strerror(status));
	*found = data.has_data && format_value(&data, text);
	return 0;
}

/* The first of its names that the record has. */
static int read_key(struct walk *walk, MMDB_entry_s *entry, const struct where_condition *condition,
		    char text[VALUE_LENGTH], bool *found)
{
	const char *own[2];
	const char *const *names = where_names(condition, own);
	int ret = 0;

	*found = false;
	for (size_t i = 0; names[i] && !*found && !ret; i++)
		ret = read_path(walk, entry, names[i], text, found);
	return ret;
}

static int read_record(struct walk *walk, MMDB_entry_s *entry, char **out)
{
	char text[WHERE_CONDITIONS * VALUE_LENGTH + 1];
	size_t used = 0;
	bool any = false;

	for (size_t i = 0; i < walk->count; i++) {
		char value[VALUE_LENGTH] = "";
		bool found;
		int ret = read_key(walk, entry, &walk->conditions[i], value, &found);

		if (ret)
			return ret;
		any = any || found;
		walk->found[i] = walk->found[i] || found;
		used += (size_t)snprintf(text + used, sizeof(text) - used, ",%s",
					 found ? value : "");
	}
	*out = strdup(any ? text : "");
	return *out ? 0 : error_no_memory(walk->err);
}

/* The row of the record, which is read once. */
static int row_of(struct walk *walk, MMDB_entry_s *entry, const char **row)
{
	struct row *slot;

	if (grow_rows(&walk->rows))
		return error_no_memory(walk->err);
	slot = find_row(&walk->rows, entry->offset);
	if (!slot->text) {
		int ret = read_record(walk, entry, &slot->text);

		if (ret)
			return ret;
		slot->offset = entry->offset;
		walk->rows.count++;
	}
	*row = slot->text;
	return 0;
}

/* --- Networks --------------------------------------------------------------------------------- */

static int flush(struct walk *walk)
{
	char first[ADDRESS_TEXT_SIZE], last[ADDRESS_TEXT_SIZE];

	if (!walk->row)
		return 0;
	address_format(&walk->first, first);
	address_format(&walk->last, last);
	if (fprintf(walk->out, "%s,%s%s\n", first, last, walk->row) < 0)
		return error_set(walk->err, -EIO, "%s: cannot write its table", walk->mmdb->name);
	walk->row = NULL;
	return 0;
}

/* Does the address come right after what is to be written? */
static bool continues(const struct walk *walk, const struct address *first, const char *row)
{
	struct ipf_key next = walk->last.key;

	if (!walk->row || strcmp(walk->row, row) || walk->last.family != first->family)
		return false;
	next.high += !++next.low;
	if (first->family == IPF_IPV4)
		next = (struct ipf_key){ (walk->last.key.high | UINT32_MAX) + 1, 0 };
	return !address_key_compare(&next, &first->key);
}

static int add_range(struct walk *walk, const struct address *first, const struct address *last,
		     const char *row)
{
	if (!continues(walk, first, row)) {
		int ret = flush(walk);

		if (ret)
			return ret;
		walk->row = row;
		walk->first = *first;
	}
	walk->last = *last;
	return 0;
}

/* The last address of an IPv4 network, whose low bits are not all one. */
static int add_ipv4(struct walk *walk, uint32_t word, unsigned int bits, const char *row)
{
	uint32_t end = word | (bits ? (UINT32_C(1) << (32 - bits)) - 1 : UINT32_MAX);
	const struct address first = { IPF_IPV4, { (uint64_t)word << 32, 0 } };
	const struct address last = { IPF_IPV4, { (uint64_t)end << 32, 0 } };

	return add_range(walk, &first, &last, row);
}

/* A network of a tree for IPv6. One that reaches over IPv4 is split, because IPv4 has addresses of
 * its own, and no packet on the wire has a mapped one. */
static int add_ipv6(struct walk *walk, struct ipf_key key, unsigned int depth, const char *row)
{
	const struct address first = { IPF_IPV6, key };
	const struct address last = { IPF_IPV6, last_of(key, depth) };
	int ret;

	if (is_inside(key, depth, &ipv4_key)) {
		walk->has_ipv4 = true;
		return add_ipv4(walk, (uint32_t)key.low, depth - MAPPED_BITS, row);
	}
	/* Here are copies, unless the maker of the file put IPv4 only here. */
	if (is_inside(key, depth, &mapped_key))
		return walk->has_ipv4 ? 0 :
					add_ipv4(walk, (uint32_t)key.low, depth - MAPPED_BITS, row);
	if (!is_around(key, depth, &ipv4_key) && !is_around(key, depth, &mapped_key))
		return add_range(walk, &first, &last, row);
	ret = add_ipv6(walk, key, depth + 1, row);
	return ret ? ret : add_ipv6(walk, with_bit(key, depth), depth + 1, row);
}

static int add_record(struct walk *walk, struct ipf_key key, unsigned int depth,
		      MMDB_entry_s *entry)
{
	const char *row = "";
	int ret = row_of(walk, entry, &row);

	if (ret || !*row)
		return ret;
	if (walk->mmdb->file.metadata.ip_version == 4)
		return add_ipv4(walk, (uint32_t)(key.high >> 32), depth, row);
	return add_ipv6(walk, key, depth, row);
}

/* Is the node that of IPv4, met elsewhere than at ::/96? */
static bool is_alias(const struct walk *walk, uint64_t node, struct ipf_key key, unsigned int depth)
{
	const MMDB_s *file = &walk->mmdb->file;

	return file->metadata.ip_version == 6 && file->ipv4_start_node.netmask == MAPPED_BITS &&
	       node == file->ipv4_start_node.node_value &&
	       (depth != MAPPED_BITS || address_key_compare(&key, &ipv4_key));
}

static int walk_node(struct walk *walk, uint64_t node, struct ipf_key key, unsigned int depth);

static int walk_record(struct walk *walk, uint64_t record, uint8_t type, MMDB_entry_s *entry,
		       struct ipf_key key, unsigned int depth)
{
	switch (type) {
	case MMDB_RECORD_TYPE_EMPTY:
		return 0;
	case MMDB_RECORD_TYPE_DATA:
		return add_record(walk, key, depth, entry);
	case MMDB_RECORD_TYPE_SEARCH_NODE:
		return is_alias(walk, record, key, depth) ? 0 : walk_node(walk, record, key, depth);
	default:
		return damaged(walk, "a record is outside of the file");
	}
}

static int walk_node(struct walk *walk, uint64_t node, struct ipf_key key, unsigned int depth)
{
	const MMDB_s *file = &walk->mmdb->file;
	MMDB_search_node_s both;
	int ret;

	if (depth >= (file->metadata.ip_version == 4 ? 32 : 128))
		return damaged(walk, "its tree is deeper than an address is long");
	/* No node but that of IPv4 has two ways to it. */
	if (walk->visits++ >= file->metadata.node_count)
		return damaged(walk, "its tree has a loop");
	if (MMDB_read_node(file, (uint32_t)node, &both) != MMDB_SUCCESS)
		return damaged(walk, "a node is outside of the tree");
	ret = walk_record(walk, both.left_record, both.left_record_type, &both.left_record_entry,
			  key, depth + 1);
	if (ret)
		return ret;
	return walk_record(walk, both.right_record, both.right_record_type,
			   &both.right_record_entry, with_bit(key, depth), depth + 1);
}

/* --- The file --------------------------------------------------------------------------------- */

struct mmdb *mmdb_open(const char *path, const char *name, struct error *err)
{
	struct mmdb *mmdb = calloc(1, sizeof(*mmdb));
	int status;

	if (!mmdb) {
		error_no_memory(err);
		return NULL;
	}
	mmdb->name = name;
	status = MMDB_open(path, MMDB_MODE_MMAP, &mmdb->file);
	if (status == MMDB_SUCCESS)
		return mmdb;
	free(mmdb);
	error_set_usage(err, "%s: not a sound MaxMind DB file: %s", name, MMDB_strerror(status));
	return NULL;
}

void mmdb_close(struct mmdb *mmdb)
{
	if (mmdb)
		MMDB_close(&mmdb->file);
	free(mmdb);
}

/* Columns have underscores, where paths have dots. */
static void write_header(const struct walk *walk)
{
	fputs("start_ip,end_ip", walk->out);
	for (size_t i = 0; i < walk->count; i++) {
		fputc(',', walk->out);
		for (const char *c = walk->conditions[i].key; *c; c++)
			fputc(*c == '.' ? '_' : *c, walk->out);
	}
	fputc('\n', walk->out);
}

/* Which of the keys that have several names do the records have? */
static int list_keys(const struct walk *walk, char *text, size_t size)
{
	size_t used = 0;

	snprintf(text, size, "no country, continent or asn");
	for (size_t i = 0; where_keys[i]; i++) {
		const struct where_condition condition = { .key = (char *)where_keys[i] };
		bool found = false;

		for (size_t at = 0; at < walk->rows.size && !found; at++) {
			MMDB_entry_s entry = { &walk->mmdb->file, walk->rows.slots[at].offset };
			char value[VALUE_LENGTH];
			int ret = 0;

			if (walk->rows.slots[at].text)
				ret = read_key((struct walk *)walk, &entry, &condition, value,
					       &found);
			if (ret)
				return ret;
		}
		if (found)
			used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
						 where_keys[i]);
	}
	return 0;
}

static int check_keys(const struct walk *walk)
{
	char keys[256];
	size_t i = 0;
	int ret;

	while (i < walk->count && walk->found[i])
		i++;
	if (walk->count && i == walk->count)
		return 0;
	ret = list_keys(walk, keys, sizeof(keys));
	if (ret)
		return ret;
	if (!walk->count)
		return error_set_usage(walk->err,
				       "%s: a table of networks; choose some with --where "
				       "KEY=VALUE[,VALUE]...: there is %s",
				       walk->mmdb->name, keys);
	return error_set_usage(walk->err, "%s: no record has '%.80s'; there is %s",
			       walk->mmdb->name, walk->conditions[i].key, keys);
}

int mmdb_write(struct mmdb *mmdb, const struct where_condition *conditions, size_t count, FILE *out,
	       struct error *err)
{
	struct walk walk = {
		.mmdb = mmdb, .conditions = conditions, .count = count, .out = out, .err = err
	};
	int ret = 0;

	walk.until_ns = clock_work_ns() + PATIENCE_NS +
			PATIENCE_NS_PER_BYTE * (uint64_t)mmdb->file.file_size;
	write_header(&walk);
	if (mmdb->file.metadata.node_count)
		ret = walk_node(&walk, 0, (struct ipf_key){ 0, 0 }, 0);
	if (!ret)
		ret = check_keys(&walk);
	if (!ret)
		ret = flush(&walk);
	rows_done(&walk.rows);
	return ret;
}
