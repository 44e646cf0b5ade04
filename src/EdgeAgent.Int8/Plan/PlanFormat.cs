namespace EdgeAgent.Int8.Plan;

/// <summary>
/// The file format of a plan, little-endian:
/// <code>
/// 0   8  magic "EDGEPLAN"
/// 8   4  version
/// 12  4  CRC-32C of everything from byte 16 on
/// 16  4  total length in bytes
/// 20  4  number of tensors
/// 24  4  number of operators
/// 28  4  index of the output tensor
/// 32  4  offset of the constants, a multiple of 64
/// 36  4  length of the name, then the name in UTF-8
///        tensors: height, width, channels (u32 each), element (u8), zero point (u8), 2 bytes of zero, scale (f32)
///        operators: kind (u8), name (u8 length, UTF-8), input count (u16), inputs (u32 each), output (u32), fields of the kind
///        zeros up to the constants; constants in the order of the operators, each at a multiple of 64
/// </code>
/// A constant is (offset from the start of the constants, length), both u32. Nothing overlaps, nothing is left over.
/// </summary>
/// <remarks>
/// A plan is written in the oldest version that has its operators, so that agents of before read what they can execute.
/// Version 2 adds Constant, ArgMax and Reshape of Float32 tensors.
/// </remarks>
internal static class PlanFormat
{
    public const int OldestVersion = 1, NewestVersion = 2;
    public const int HeaderLength = 40;
    public const int ChecksumStart = 16;
    public const int Alignment = 64;
    public const int MaxTensors = 1 << 12;
    public const int MaxOperators = 1 << 12;
    public const int MaxInputs = 1024;
    public const int MaxNameLength = 255;

    public static ReadOnlySpan<byte> Magic => "EDGEPLAN"u8;

    /// <summary>The oldest version that has the operator.</summary>
    public static int VersionOf(PlanOperator op, IReadOnlyList<PlanTensor> tensors) =>
        op is ConstantTensor or ArgMaxHead || (op is Reshaping && tensors[op.Output].Element == PlanElement.Float32) ? 2 : OldestVersion;

    public static int Align(int length) => (length + Alignment - 1) & -Alignment;

    /// <summary>CRC-32C (Castagnoli), by the CPU's instruction where it has one.</summary>
    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        while (bytes.Length >= 8)
        {
            crc = System.Numerics.BitOperations.Crc32C(crc, System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[8..];
        }
        foreach (var b in bytes)
            crc = System.Numerics.BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}

/// <summary>The byte that names an operator in the file.</summary>
internal enum OperatorKind : byte
{
    Quantize = 1,
    Convolution = 2,
    Elementwise = 3,
    Concat = 4,
    MaxPool = 5,
    AveragePool = 6,
    Pad = 7,
    Table = 8,
    Reshape = 9,
    Dequantize = 10,
    Softmax = 11,
    Constant = 12,
    ArgMax = 13,
}
