package wavefill.artifact

private const val DEEPEST = 32

/**
 * Reads JSON (RFC 8259): objects as maps in their order, arrays as lists, whole numbers as Long, other numbers as Double.
 *
 * @throws IllegalArgumentException not JSON, a key that stands twice, or nested deeper than anything of ours is.
 */
fun parseJson(text: String): Any? = JsonReader(text).whole()

private class JsonReader(private val text: String) {
    private var at = 0

    fun whole(): Any? {
        val value = value(0)
        space()
        if (at < text.length) wrong("the end is expected")
        return value
    }

    private fun wrong(what: String): Nothing = throw IllegalArgumentException("not JSON: $what at character $at")

    private fun space() {
        while (at < text.length && text[at] in " \t\r\n") at++
    }

    private fun taken(character: Char): Boolean {
        space()
        return (at < text.length && text[at] == character).also { if (it) at++ }
    }

    private fun need(character: Char) {
        if (!taken(character)) wrong("$character is expected")
    }

    private fun value(depth: Int): Any? {
        if (depth > DEEPEST) wrong("nested too deeply")
        space()
        return when (text.getOrNull(at)) {
            '{' -> map(depth)
            '[' -> list(depth)
            '"' -> string()
            't' -> word("true", true)
            'f' -> word("false", false)
            'n' -> word("null", null)
            else -> number()
        }
    }

    private fun word(name: String, value: Any?): Any? {
        if (!text.startsWith(name, at)) wrong("a value is expected")
        at += name.length
        return value
    }

    private fun map(depth: Int): Map<String, Any?> {
        val result = LinkedHashMap<String, Any?>()
        need('{')
        if (taken('}')) return result
        do {
            space()
            val key = string()
            if (key in result) wrong("the key $key stands twice")
            need(':')
            result[key] = value(depth + 1)
        } while (taken(','))
        need('}')
        return result
    }

    private fun list(depth: Int): List<Any?> {
        val result = ArrayList<Any?>()
        need('[')
        if (taken(']')) return result
        do result += value(depth + 1) while (taken(','))
        need(']')
        return result
    }

    private fun string(): String {
        need('"')
        val result = StringBuilder()
        while (true) {
            val character = text.getOrNull(at++) ?: wrong("a text does not end")
            when {
                character == '"' -> return result.toString()
                character == '\\' -> result.append(escaped())
                character < ' ' -> wrong("a control character in a text")
                else -> result.append(character)
            }
        }
    }

    private fun escaped(): Char = when (val character = text.getOrNull(at++)) {
        '"', '\\', '/' -> character
        'b' -> '\b'
        'f' -> '\u000c'
        'n' -> '\n'
        'r' -> '\r'
        't' -> '\t'
        'u' -> {
            val digits = text.substring(at, minOf(at + 4, text.length))
            if (digits.length < 4 || digits.any { Character.digit(it, 16) < 0 }) wrong("four hexadecimal digits are expected")
            at += 4
            digits.toInt(16).toChar()
        }
        else -> wrong("an escape is expected")
    }

    private fun number(): Any {
        val match = NUMBER.find(text, at)?.takeIf { it.range.first == at } ?: wrong("a value is expected")
        at = match.range.last + 1
        if (match.value.none { it in ".eE" }) return match.value.toLongOrNull() ?: wrong("the number is too large")
        return match.value.toDouble().takeIf { !it.isInfinite() } ?: wrong("the number is too large")
    }

    private companion object {
        val NUMBER = Regex("-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?")
    }
}

/** Writes what [parseJson] reads, on lines of their own where `indent` is given. */
fun writeJson(value: Any?, indent: String = ""): String = StringBuilder().also { write(it, value, indent, "") }.toString()

private fun write(to: StringBuilder, value: Any?, indent: String, before: String) {
    when (value) {
        null, is Boolean, is Int, is Long -> to.append(value)
        is Double -> {
            require(!value.isNaN() && !value.isInfinite()) { "JSON has no $value" }
            to.append(value)
        }
        is String -> text(to, value)
        is Map<*, *> -> parts(to, "{}", value.entries, indent, before) { (key, content), deeper ->
            text(to, key as String)
            to.append(": ")
            write(to, content, indent, deeper)
        }
        is List<*> -> parts(to, "[]", value, indent, before) { item, deeper -> write(to, item, indent, deeper) }
        else -> throw IllegalArgumentException("JSON has no ${value.javaClass.name}")
    }
}

private fun <T> parts(to: StringBuilder, ends: String, all: Collection<T>, indent: String, before: String, one: (T, String) -> Unit) {
    val deeper = before + indent
    val line = if (indent.isEmpty()) "" else "\n"
    to.append(ends[0])
    for ((index, item) in all.withIndex()) {
        to.append(if (index == 0) line else if (indent.isEmpty()) ", " else ",\n").append(deeper)
        one(item, deeper)
    }
    if (all.isNotEmpty()) to.append(line).append(before)
    to.append(ends[1])
}

private fun text(to: StringBuilder, value: String) {
    to.append('"')
    for (character in value) when {
        character == '"' || character == '\\' -> to.append('\\').append(character)
        character < ' ' -> to.append("\\u%04x".format(character.code))
        else -> to.append(character)
    }
    to.append('"')
}
