/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#define KEY_FILE_MAX 16384

static const char pin_prefix[] = "sha256/";

void
why_set(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	if (why == NULL || size == 0)
		return;
	va_start(ap, fmt);
	vsnprintf(why, size, fmt, ap);
	va_end(ap);
}

static int
why_errno(char *why, size_t size, const char *what, const char *path)
{
	int errnum = errno;

	why_set(why, size, "%s: cannot %s: %s", path, what, strerror(errnum));
	if (errnum == EEXIST)
		return SMX_EEXIST;
	if (errnum == ENOENT)
		return SMX_ENOTFOUND;
	return errnum == EACCES || errnum == EPERM ? SMX_EPERM : SMX_EIO;
}

/* ---- pins ---- */

int
smx_pin_check(const char *text)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t prefix = sizeof(pin_prefix) - 1;
	const char *last;

	if (strnlen(text, SMX_PIN_TEXT) != SMX_PIN_TEXT - 1 ||
	    strncmp(text, pin_prefix, prefix) != 0 ||
	    strspn(text + prefix, alphabet) != 43 ||
	    text[SMX_PIN_TEXT - 2] != '=')
		return SMX_EINVAL;
	/* 43 digits hold 258 bits: the last two of them are nothing. */
	last = strchr(alphabet, text[SMX_PIN_TEXT - 3]);
	return (last - alphabet) % 4 == 0 ? SMX_OK : SMX_EINVAL;
}

static int
pin_of_key(X509_PUBKEY *public_key, char pin[SMX_PIN_TEXT])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(public_key, &der);

	if (len <= 0)
		return SMX_EPROTO;
	SHA256(der, (size_t)len, digest);
	OPENSSL_free(der);
	memcpy(pin, pin_prefix, sizeof(pin_prefix) - 1);
	EVP_EncodeBlock((unsigned char *)pin + sizeof(pin_prefix) - 1, digest,
	    sizeof(digest));
	return SMX_OK;
}

int
identity_pin_of(const struct x509_st *certificate, char pin[SMX_PIN_TEXT])
{
	X509_PUBKEY *public_key = X509_get_X509_PUBKEY(certificate);

	return public_key == NULL ? SMX_EPROTO : pin_of_key(public_key, pin);
}

/* ---- the key file ---- */

static int
key_write(int fd, EVP_PKEY *key)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *text;
	long len;
	int error = SMX_ENOMEM;

	if (memory == NULL)
		return SMX_ENOMEM;
	if (PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL,
		NULL) == 1) {
		len = BIO_get_mem_data(memory, &text);
		error = len > 0 && write(fd, text, (size_t)len) == len &&
				fsync(fd) == 0
			    ? SMX_OK
			    : SMX_EIO;
		OPENSSL_cleanse(text, (size_t)len);
	}
	BIO_free(memory);
	return error;
}

static int
folder_sync(const char *path)
{
	char *copy = strdup(path);
	int fd, error = SMX_EIO;

	if (copy == NULL)
		return SMX_ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd < 0)
		return SMX_EIO;
	if (fsync(fd) == 0)
		error = SMX_OK;
	close(fd);
	return error;
}

int
smx_identity_generate(const char *path, char *why, size_t why_size)
{
	EVP_PKEY *key;
	int fd, error;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	if (fd < 0)
		return why_errno(why, why_size, "create", path);
	key = EVP_EC_gen("P-256");
	error = key == NULL ? SMX_ENOMEM : key_write(fd, key);
	EVP_PKEY_free(key);
	if (close(fd) != 0 && error == SMX_OK)
		error = SMX_EIO;
	if (error == SMX_OK)
		error = folder_sync(path);
	if (error != SMX_OK) {
		why_set(why, why_size, "%s: cannot write the key: %s", path,
		    smx_strerror(error));
		unlink(path);
	}
	return error;
}

/* No key of ours has a password, and nobody is there to type one. */
static int
no_password(char *out, int size, int writing, void *ctx)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int
key_parse(const char *text, size_t len, EVP_PKEY **out)
{
	BIO *memory = BIO_new_mem_buf(text, (int)len);
	char group[32];
	size_t n;
	EVP_PKEY *key;

	if (memory == NULL)
		return SMX_ENOMEM;
	key = PEM_read_bio_PrivateKey(memory, NULL, no_password, NULL);
	BIO_free(memory);
	if (key == NULL)
		return SMX_EINVAL;
	if (EVP_PKEY_get_group_name(key, group, sizeof(group), &n) != 1 ||
	    strcmp(group, "prime256v1") != 0) {
		EVP_PKEY_free(key);
		return SMX_EINVAL;
	}
	*out = key;
	return SMX_OK;
}

static int
key_read(int fd, const char *path, EVP_PKEY **key, char *why, size_t why_size)
{
	char text[KEY_FILE_MAX];
	struct stat st;
	ssize_t n;
	int error;

	if (fstat(fd, &st) != 0)
		return why_errno(why, why_size, "look at", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		why_set(why, why_size,
		    "%s: must be a file that only its owner may read "
		    "(chmod 0600)",
		    path);
		return SMX_EPERM;
	}
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return why_errno(why, why_size, "read", path);
	error = key_parse(text, (size_t)n, key);
	OPENSSL_cleanse(text, sizeof(text));
	if (error != SMX_OK)
		why_set(why, why_size,
		    "%s: not a P-256 private key without password in PEM form",
		    path);
	return error;
}

static int
key_load(const char *path, EVP_PKEY **key, char *why, size_t why_size)
{
	/* Not to wait for ever, should it be a fifo. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int error;

	if (fd < 0)
		return why_errno(why, why_size, "open", path);
	error = key_read(fd, path, key, why, why_size);
	close(fd);
	return error;
}

/* ---- the certificate ---- */

static int
certificate_fill(X509 *c, EVP_PKEY *key)
{
	X509_NAME *name = X509_get_subject_name(c);

	return X509_set_version(c, X509_VERSION_3) == 1 &&
	       ASN1_INTEGER_set(X509_get_serialNumber(c), 1) == 1 &&
	       ASN1_TIME_set_string(X509_getm_notBefore(c),
		   "20200101000000Z") == 1 &&
	       ASN1_TIME_set_string(X509_getm_notAfter(c), "99991231235959Z") ==
		   1 &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
		   (const unsigned char *)"shadowmx", -1, -1, 0) == 1 &&
	       X509_set_issuer_name(c, name) == 1 &&
	       X509_set_pubkey(c, key) == 1 &&
	       X509_sign(c, key, EVP_sha256()) > 0;
}

int
identity_load(struct identity *out, const char *path, char *why,
    size_t why_size)
{
	struct identity id = { 0 };
	int error = key_load(path, &id.key, why, why_size);

	if (error != SMX_OK)
		return error;
	id.certificate = X509_new();
	if (id.certificate == NULL ||
	    !certificate_fill(id.certificate, id.key) ||
	    identity_pin_of(id.certificate, id.pin) != SMX_OK) {
		why_set(why, why_size, "%s: cannot make a certificate", path);
		identity_free(&id);
		return SMX_ENOMEM;
	}
	*out = id;
	return SMX_OK;
}

void
identity_free(struct identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	memset(identity, 0, sizeof(*identity));
}

int
smx_identity_pin(const char *path, char pin[SMX_PIN_TEXT], char *why,
    size_t why_size)
{
	struct identity id;
	int error = identity_load(&id, path, why, why_size);

	if (error != SMX_OK)
		return error;
	memcpy(pin, id.pin, SMX_PIN_TEXT);
	identity_free(&id);
	return SMX_OK;
}
