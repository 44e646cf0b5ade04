using System.Buffers.Binary;
using System.Numerics;

namespace EdgeAgent.Device.Reports;

/// <summary>
/// A frame of the spool: length (u32 little-endian), CRC-32C of the payload (u32 little-endian), payload. A frame that a
/// power cut tore fails one of the two and ends the file.
/// </summary>
internal static class SpoolFrame
{
    public const int HeaderBytes = 8;

    /// <summary>No event comes near this; a length above it is damage.</summary>
    public const int MaxPayloadBytes = 1 << 20;

    public static byte[] Write(ReadOnlySpan<byte> payload)
    {
        if (payload.Length > MaxPayloadBytes)
            throw new ArgumentException($"a frame of {payload.Length} bytes; at most {MaxPayloadBytes} are allowed", nameof(payload));
        var frame = new byte[HeaderBytes + payload.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(4), Checksum(payload));
        payload.CopyTo(frame.AsSpan(HeaderBytes));
        return frame;
    }

    /// <summary>Takes the first frame off <paramref name="bytes"/>; false at the end or at damage.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (bytes.Length < HeaderBytes)
            return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        if (length is < 0 or > MaxPayloadBytes || bytes.Length - HeaderBytes < length)
            return false;
        payload = bytes.Slice(HeaderBytes, length);
        return Checksum(payload) == BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
    }

    private static uint Checksum(ReadOnlySpan<byte> payload)
    {
        var crc = uint.MaxValue;
        while (payload.Length >= sizeof(ulong))
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(payload));
            payload = payload[sizeof(ulong)..];
        }
        foreach (var b in payload)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
