/* test_pairs.c - the pictures: right as they are, and wrong with each of their variants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pictures.h"

static enum lm_order orders[SITES_MAX];
static const struct picture *at_hand;
static bool with_spare = true;

enum lm_order at(int site)
{
    bool by_store =
        at_hand->store != 0 && orders[at_hand->fence] == LM_SEQ && getenv("LM_NO_FENCE") != NULL;
    if (by_store && site == at_hand->store) {
        return LM_SEQ;
    }
    return by_store && site == at_hand->fence ? LM_NONE : orders[site];
}

/* The weakest of the rows that a site has. */
static void set_orders(const struct picture *picture)
{
    at_hand = picture;
    memset(orders, 0, sizeof orders);
    for (const struct site *site = picture->sites; site->number != 0; site++) {
        if (site->number >= SITES_MAX) {
            printf("  WRONG: %s has a number beyond SITES_MAX\n", site->text);
            exit(1);
        }
        enum lm_order *order = &orders[site->number];
        *order = *order == LM_NONE || site->order < *order ? site->order : *order;
    }
}

static bool names(const struct variant *variant, int site)
{
    return variant->weaker[0].site == site && variant->weaker[1].site == 0;
}

static bool has_variant(const struct picture *picture, int site)
{
    for (const struct variant *variant = picture->variants; variant->what != NULL; variant++) {
        if (names(variant, site)) {
            return true;
        }
    }
    return false;
}

/* The next order below, of the kind of access: one that stands here is enough for the judgement. */
static enum lm_order one_less(const struct site *site)
{
    bool is_fence = strstr(site->text, "bn_fence") != NULL;
    bool is_store = strstr(site->text, "bn_store") != NULL;
    bool is_load = strstr(site->text, "bn_load") != NULL;
    switch (orders[site->number]) {
    case LM_SEQ:
        return is_fence || !(is_store || is_load) ? LM_ACQ_REL : is_store ? LM_RELEASE : LM_ACQUIRE;
    case LM_ACQUIRE:
    case LM_RELEASE:
        return is_fence ? LM_NONE : LM_RELAXED;
    default:
        return orders[site->number];
    }
}

/* Each site is weakened by a variant, or is said to be spare, and is. */
static int check_sites(const struct picture *picture)
{
    int n_wrong = 0;
    for (const struct site *site = picture->sites; site->number != 0; site++) {
        bool wants = !has_variant(picture, site->number) && orders[site->number] > LM_RELAXED;
        if (wants && site->spare == NULL) {
            printf("  WRONG: %s in %s() has no variant\n", site->text, site->function);
            n_wrong++;
        }
        if (site->spare == NULL || !with_spare) {
            continue;
        }
        enum lm_order had = orders[site->number];
        orders[site->number] = one_less(site);
        if (lm_allows(&picture->program, picture->is_wrong)) {
            printf("  WRONG: %s in %s() is not spare\n", site->text, site->function);
            n_wrong++;
        }
        orders[site->number] = had;
    }
    return n_wrong;
}

static int check_variant(const struct picture *picture, const struct variant *variant)
{
    set_orders(picture);
    for (int i = 0; i < 3 && variant->weaker[i].site != 0; i++) {
        orders[variant->weaker[i].site] = variant->weaker[i].order;
    }
    bool is_found = lm_allows(&picture->program, picture->is_wrong);
    printf("  %s: %s\n", variant->what, is_found ? "found wrong" : "NOT FOUND");
    return !is_found;
}

static int check(const struct picture *picture)
{
    set_orders(picture);
    bool is_wrong = lm_allows(&picture->program, picture->is_wrong);
    bool is_of_use = lm_allows(&picture->program, picture->is_of_use);
    printf("%s: %s: %s\n", picture->tag, picture->what,
           is_wrong    ? "WRONG"
           : is_of_use ? "holds"
                       : "SHOWS NOTHING");
    int n_wrong = is_wrong || !is_of_use;
    n_wrong += check_sites(picture);
    for (const struct variant *variant = picture->variants; variant->what != NULL; variant++) {
        n_wrong += check_variant(picture, variant);
    }
    return n_wrong;
}

/* For other checkers, in whose programs other orders are spare: "--variants" leaves those out. And a
 * part of what a picture shows: only such pictures. */
int main(int argc, char **argv)
{
    const struct picture *all[] = { reading, pinning, deciding };
    const char *part = "";
    int n_wrong = 0, n = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--variants") == 0) {
            with_spare = false;
        } else {
            part = argv[i];
        }
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        for (const struct picture *picture = all[i]; picture->tag != NULL; picture++) {
            if (strstr(picture->what, part) != NULL) {
                n_wrong += check(picture);
                n++;
            }
        }
    }
    printf("test_pairs: %d pictures, %d wrong\n", n, n_wrong);
    return n_wrong != 0;
}
