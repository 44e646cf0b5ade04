using System.Buffers.Binary;
using System.Text;

namespace EdgeAgent.Int8.Plan;

/// <summary>A cursor over untrusted bytes: every read is checked against the end first.</summary>
internal ref struct PlanReader(ReadOnlySpan<byte> bytes, int position)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;

    public int Position { get; private set; } = position;

    public byte ReadByte() => Take(1)[0];

    public ushort ReadUInt16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    /// <summary>An unsigned field that must be at most <paramref name="max"/>.</summary>
    public int ReadCount(int max, string field)
    {
        var value = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
        return value <= (uint)max ? (int)value
            : throw new PlanFormatException($"plan: {field} is {value} at byte {Position - 4}, more than {max} is not allowed");
    }

    public float ReadSingle() => BinaryPrimitives.ReadSingleLittleEndian(Take(4));

    public string ReadString(int length, string field)
    {
        var utf8 = Take(length);
        try
        {
            var text = StrictUtf8.GetString(utf8);
            return Array.Exists(text.ToCharArray(), char.IsControl) ? throw new PlanFormatException($"plan: {field} at byte {Position - length} has control characters") : text;
        }
        catch (DecoderFallbackException)
        {
            throw new PlanFormatException($"plan: {field} at byte {Position - length} is not UTF-8");
        }
    }

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    public ReadOnlySpan<byte> Take(int length)
    {
        if (length > _bytes.Length - Position)
            throw new PlanFormatException($"plan: the tables end at byte {_bytes.Length}, {length} more bytes are wanted at {Position}");
        var taken = _bytes.Slice(Position, length);
        Position += length;
        return taken;
    }
}
