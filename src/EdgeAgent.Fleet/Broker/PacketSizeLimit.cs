using System.Buffers;
using System.IO.Pipelines;
using EdgeAgent.Fleet.Hosting;
using Microsoft.AspNetCore.Connections;

namespace EdgeAgent.Fleet.Broker;

/// <summary>
/// Closes a connection whose next MQTT packet announces more bytes than allowed, before they are buffered: the broker
/// library takes up to 256 MB from anybody who can connect.
/// </summary>
internal static class PacketSizeLimit
{
    /// <summary>Largest packet from a device: a full batch of reports with room to spare.</summary>
    public const int MaxPacketBytes = 256 << 10;

    public static IConnectionBuilder UsePacketSizeLimit(this IConnectionBuilder builder, ILogger log) => builder.Use(next => async connection =>
    {
        var transport = connection.Transport;
        connection.Transport = new Pipes(new BoundedPackets(transport.Input, connection, log), transport.Output);
        try
        {
            await next(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    });

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>The reader behind it consumes whole packets only, so that every buffer begins with a fixed header.</summary>
    private sealed class BoundedPackets(PipeReader inner, ConnectionContext connection, ILogger log) : PipeReader
    {
        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            Check(await inner.ReadAsync(cancellationToken));

        public override bool TryRead(out ReadResult result)
        {
            if (!inner.TryRead(out result))
                return false;
            result = Check(result);
            return true;
        }

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        private ReadResult Check(ReadResult result)
        {
            var bytes = AnnouncedBytes(result.Buffer);
            if (bytes <= MaxPacketBytes)
                return result;
            log.PacketTooLarge(connection.RemoteEndPoint?.ToString() ?? "", bytes, MaxPacketBytes);
            throw new ConnectionAbortedException($"a packet of {bytes} bytes was announced; {MaxPacketBytes} are allowed");
        }

        /// <summary>The remaining length of the fixed header (MQTT 5, 2.1.4), or 0 while it is not whole.</summary>
        private static long AnnouncedBytes(ReadOnlySequence<byte> buffer)
        {
            var reader = new SequenceReader<byte>(buffer);
            if (!reader.TryRead(out _))
                return 0;
            long length = 0;
            for (var shift = 0; shift < 28; shift += 7)
            {
                if (!reader.TryRead(out var next))
                    return 0;
                length |= (long)(next & 0x7F) << shift;
                if ((next & 0x80) == 0)
                    return length;
            }
            // A fifth byte of length breaks the protocol; the reader behind refuses it.
            return 0;
        }
    }
}
