/* Classes of octets, the same in every locale. An argument of -1 (past the end) belongs to no
 * class. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

static inline uint8_t ascii_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static inline uint8_t ascii_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static inline bool ascii_is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline bool ascii_is_alnum(int c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* Space, tab, CR, LF. */
static inline bool ascii_is_space(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Visible characters, 0x21 to 0x7e. */
static inline bool ascii_is_graph(int c)
{
    return c > 0x20 && c < 0x7f;
}

/* 0x00 to 0x1f and DEL. */
static inline bool ascii_is_control(int c)
{
    return (c >= 0 && c < 0x20) || c == 0x7f;
}

/* 0 to 15, or -1. */
static inline int ascii_hex_value(int c)
{
    if (ascii_is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}
