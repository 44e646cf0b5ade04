using System.Runtime.CompilerServices;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// The bytes of an HDF5 file, with a bound on how often they are read: links and index nodes of a damaged file may form
/// circles, which the HDF5 library follows without end. Recursion that would overflow the stack is stopped here too.
/// </summary>
internal sealed class CountedStream(byte[] bytes) : Stream
{
    /// <summary>Every object takes a few dozen small reads; the largest models have some thousand objects, in large files.</summary>
    private readonly long _maxReads = (1 << 20) + bytes.Length / 16;

    private long _reads;

    /// <summary>Bytes handed out so far.</summary>
    public long Delivered { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => false;

    public override long Length => bytes.Length;

    public override long Position { get; set; }

    public override int Read(Span<byte> buffer)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        if (++_reads > _maxReads || Delivered > 16L * bytes.Length + (1 << 24))
            throw new ImportFault("is read in circles; the file is damaged");
        if (Position < 0 || Position >= bytes.Length)
            return 0;
        var count = (int)Math.Min(buffer.Length, bytes.Length - Position);
        bytes.AsSpan((int)Position, count).CopyTo(buffer);
        Position += count;
        Delivered += count;
        return count;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => bytes.Length + offset,
    };

    public override void Flush()
    {
    }

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
