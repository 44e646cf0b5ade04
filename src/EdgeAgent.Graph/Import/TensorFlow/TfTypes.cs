using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>TensorFlow's DataType, as far as models of numbers use it.</summary>
internal enum TfType
{
    Float = 1,
    Double = 2,
    Int32 = 3,
    UInt8 = 4,
    Int16 = 5,
    Int8 = 6,
    String = 7,
    Int64 = 9,
    Bool = 10,
    BFloat16 = 14,
    Half = 19,
    Resource = 20,
}

internal static class TfTypes
{
    /// <summary>A reference variable's type is that of its value plus this.</summary>
    private const int Reference = 100;

    public static TfType Of(int type) => (TfType)(type > Reference ? type - Reference : type);

    /// <summary>The IR's type of a tensor; half precision and double are read as float32.</summary>
    public static ElementType? ElementOf(int type) => Of(type) switch
    {
        TfType.Float or TfType.Double or TfType.Half or TfType.BFloat16 => ElementType.Float32,
        TfType.UInt8 => ElementType.UInt8,
        TfType.Int8 => ElementType.Int8,
        TfType.Int32 or TfType.Int16 => ElementType.Int32,
        TfType.Int64 => ElementType.Int64,
        TfType.Bool => ElementType.Bool,
        _ => null,
    };

    public static int Bytes(TfType type) => type switch
    {
        TfType.Double or TfType.Int64 => 8,
        TfType.Float or TfType.Int32 => 4,
        TfType.Half or TfType.BFloat16 or TfType.Int16 => 2,
        _ => 1,
    };
}
