/* SPDX-License-Identifier: BSD-2-Clause */
#include "config.h"
#include "io/digest.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#define PIECE_BYTES ((size_t)64 * 1024)

struct digest {
	EVP_MD_CTX *evp;
	int error;
};

static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;

/* Looked up once: with OpenSSL 3 a lookup costs more than a short message. */
static void
sha256_fetch(void)
{
	sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static void
digest_restart(struct digest *digest)
{
	pthread_once(&sha256_once, sha256_fetch);
	if (sha256 == NULL || EVP_DigestInit_ex(digest->evp, sha256, NULL) != 1)
		digest->error = SMX_ENOMEM;
	else
		digest->error = SMX_OK;
}

int
digest_new(struct digest **out)
{
	struct digest *digest = calloc(1, sizeof(*digest));

	if (digest == NULL)
		return SMX_ENOMEM;
	digest->evp = EVP_MD_CTX_new();
	if (digest->evp != NULL)
		digest_restart(digest);
	if (digest->evp == NULL || digest->error != SMX_OK) {
		digest_free(&digest);
		return SMX_ENOMEM;
	}
	*out = digest;
	return SMX_OK;
}

void
digest_free(struct digest **digest)
{
	if (*digest == NULL)
		return;
	EVP_MD_CTX_free((*digest)->evp);
	free(*digest);
	*digest = NULL;
}

void
digest_add(struct digest *digest, const void *data, size_t len)
{
	if (digest->error == SMX_OK && len != 0 &&
	    EVP_DigestUpdate(digest->evp, data, len) != 1)
		digest->error = SMX_ENOMEM;
}

int
digest_end(struct digest *digest, uint8_t out[SMX_DIGEST_BYTES])
{
	uint8_t sum[SMX_DIGEST_BYTES];
	int result = digest->error;

	if (result == SMX_OK && EVP_DigestFinal_ex(digest->evp, sum, NULL) != 1)
		result = SMX_ENOMEM;
	digest_restart(digest);
	if (result != SMX_OK)
		return result;
	for (size_t i = 0; i < sizeof(sum); i++)
		out[i] = sum[i];
	return SMX_OK;
}

int
digest_once(const void *data, size_t len, uint8_t out[SMX_DIGEST_BYTES])
{
	struct digest *digest = NULL;
	int result = digest_new(&digest);

	if (result != SMX_OK)
		return result;
	digest_add(digest, data, len);
	result = digest_end(digest, out);
	digest_free(&digest);
	return result;
}

static int
add_pieces(struct digest *digest, const struct smx_content *content)
{
	uint8_t *piece = malloc(PIECE_BYTES);
	uint64_t offset = 0;
	int result = piece == NULL ? SMX_ENOMEM : SMX_OK;

	while (result == SMX_OK && offset < content->size) {
		uint64_t left = content->size - offset;
		size_t len = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;

		result = content->read(content->ctx, offset, piece, len);
		if (result == SMX_OK)
			digest_add(digest, piece, len);
		offset += len;
	}
	free(piece);
	return result;
}

int
digest_content(const struct smx_content *content, uint8_t out[SMX_DIGEST_BYTES])
{
	struct digest *digest = NULL;
	int result;

	if (content->bytes != NULL)
		return digest_once(content->bytes, (size_t)content->size, out);
	result = digest_new(&digest);
	if (result != SMX_OK)
		return result;
	result = add_pieces(digest, content);
	if (result == SMX_OK)
		result = digest_end(digest, out);
	digest_free(&digest);
	return result;
}
