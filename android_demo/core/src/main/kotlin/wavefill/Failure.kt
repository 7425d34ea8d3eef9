package wavefill

/** Something that a person is told of: the message is a sentence for the screen, and nothing of theirs was changed. */
class Failure(sentence: String, cause: Throwable? = null) : Exception(sentence, cause)
