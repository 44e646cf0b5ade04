namespace EdgeAgent.Inputs;

/// <summary>Reading what may be longer than it says.</summary>
internal static class BoundedStream
{
    /// <summary>Reads <paramref name="stream"/> to its end, or until more than <paramref name="limit"/> bytes came.</summary>
    /// <returns>The bytes counted; above the limit the count is not exact.</returns>
    public static long Measure(Stream stream, long limit)
    {
        var buffer = new byte[64 << 10];
        long total = 0;
        int read;
        try
        {
            while (total <= limit && (read = stream.Read(buffer)) > 0)
                total += read;
        }
        catch (InvalidDataException)
        {
            // The decoder proper says what is wrong with it.
        }
        return total;
    }

    /// <summary>Reads exactly <paramref name="length"/> bytes and checks that nothing follows.</summary>
    /// <exception cref="InvalidDataException">There are more or fewer.</exception>
    public static byte[] ReadExactly(Stream stream, int length)
    {
        var bytes = new byte[length];
        var read = stream.ReadAtLeast(bytes, length, throwOnEndOfStream: false);
        if (read != length)
            throw new InvalidDataException($"it holds {read} bytes where {length} were announced");
        if (stream.ReadByte() >= 0)
            throw new InvalidDataException($"it holds more than the {length} bytes announced");
        return bytes;
    }
}
