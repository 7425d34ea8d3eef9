package wavefill.runtime

import wavefill.fill.Network

/** A network in a runtime, which says what it is. */
interface DeviceNetwork : Network, AutoCloseable {
    /** Name of the runtime. */
    val runtime: String

    /** Version of the runtime. */
    val version: String

    /** Threads of one run. */
    val threads: Int
}
