using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using EdgeAgent.Int8.Kernels.Packing;

namespace EdgeAgent.Int8.Kernels.X86.Assembled;

/// <summary>
/// The kernels of AVX-512 VNNI, assembled once when the first is needed: VPDPBUSD on 512 bits is an instruction that many
/// CPUs have and .NET 10 does not offer (.NET 11 will). Every function is a leaf in the calling convention of Linux.
/// </summary>
/// <remarks>
/// With code made to measure every number of pixels and every kernel width has a function of its own, in which all sums
/// and weights stay in registers.
/// </remarks>
internal sealed unsafe class VnniCode
{
    /// <summary>Pixels of the largest tile: as many as general registers are left for their addresses.</summary>
    public const int TileRows = 8;

    private const int MaxKernelWidth = 7;
    private const int MaxBands = 2;

    /// <summary>AVX512F, BW and VL in EBX of CPUID leaf 7.</summary>
    private const int Avx512FeaturesOfEbx = 1 << 16 | 1 << 30 | 1 << 31;

    /// <summary>SSE, AVX, mask registers, and the two parts of the 512-bit registers: the system saves all of them.</summary>
    private const int SavedState = 0b1110_0110;

    /// <summary>Bit of AVX512_VNNI in ECX of CPUID leaf 7.</summary>
    private const int VnniBit = 11;

    private readonly byte* _code;
    private readonly int[] _tiles = new int[2 * TileRows];
    private readonly int[] _rows = new int[MaxKernelWidth * MaxBands];
    private readonly int[] _pairs = new int[MaxKernelWidth * MaxBands];
    private readonly int _pixel;
    private readonly int _macs;
    private readonly int _enabledState;

    private VnniCode()
    {
        var a = new Assembler();
        for (var rows = 1; rows <= TileRows; rows++)
        {
            _tiles[rows - 1] = VnniTileCode.Tile(a, rows, narrow: false);
            _tiles[TileRows + rows - 1] = VnniTileCode.Tile(a, rows, narrow: true);
        }
        for (var width = 1; width <= MaxKernelWidth; width++)
            for (var bands = 1; bands <= MaxBands; bands++)
            {
                _rows[DepthwiseIndex(width, bands)] = VnniDepthwiseCode.Rows(a, width, bands, pair: false);
                _pairs[DepthwiseIndex(width, bands)] = VnniDepthwiseCode.Rows(a, width, bands, pair: true);
            }
        _pixel = VnniTileCode.Pixel(a);
        _macs = VnniTileCode.Macs(a);
        _enabledState = a.Align(64);
        a.ReadEnabledState();
        a.Return();
        _code = CodeMemory.Publish(a.Code);
    }

    /// <summary>Null where the CPU or the system cannot execute it.</summary>
    public static VnniCode? Instance { get; } = Assemble();

    /// <summary>A tile of <paramref name="rows"/> pixels by the panel's channels.</summary>
    public delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, byte*, int*, void> Tile(int rows, int channels) =>
        (delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, byte*, int*, void>)(_code + _tiles[(channels > 8 ? 0 : TileRows) + rows - 1]);

    /// <summary>The accumulators of one pixel.</summary>
    public delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, void> Pixel =>
        (delegate* unmanaged[SuppressGCTransition]<PanelArguments*, byte*, int*, void>)(_code + _pixel);

    /// <summary>One row of a depthwise convolution; null for a larger kernel than there is code for.</summary>
    public delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void> DepthwiseRow(int kernelWidth, int bands) =>
        kernelWidth > MaxKernelWidth || bands > MaxBands ? null
            : (delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void>)(_code + _rows[DepthwiseIndex(kernelWidth, bands)]);

    /// <summary>Two rows of a depthwise convolution, likewise.</summary>
    public delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void> DepthwisePair(int kernelWidth, int bands) =>
        kernelWidth > MaxKernelWidth || bands > MaxBands ? null
            : (delegate* unmanaged[SuppressGCTransition]<DepthwiseArguments*, void>)(_code + _pairs[DepthwiseIndex(kernelWidth, bands)]);

    /// <summary>The loop of <see cref="Roofline.MacLoop"/>: data, its end, passes.</summary>
    public delegate* unmanaged[SuppressGCTransition]<byte*, byte*, long, void> Macs =>
        (delegate* unmanaged[SuppressGCTransition]<byte*, byte*, long, void>)(_code + _macs);

    /// <summary>Register XCR0.</summary>
    private delegate* unmanaged[SuppressGCTransition]<int> EnabledState => (delegate* unmanaged[SuppressGCTransition]<int>)(_code + _enabledState);

    private static int DepthwiseIndex(int kernelWidth, int bands) => (bands - 1) * MaxKernelWidth + kernelWidth - 1;

    /// <summary>
    /// The JIT knows whether the CPU and the system have AVX-512 and whether a switch forbids it; native code of a baseline
    /// without AVX-512 does not, and has to ask both itself.
    /// </summary>
    private static VnniCode? Assemble()
    {
        if (!Avx2.IsSupported || !Bmi2.IsSupported || RuntimeFeature.IsDynamicCodeCompiled && !Avx512BW.VL.IsSupported)
            return null;
        var features = X86Base.CpuId(7, 0);
        if ((features.Ebx & Avx512FeaturesOfEbx) != Avx512FeaturesOfEbx || (features.Ecx >> VnniBit & 1) == 0)
            return null;
        var code = new VnniCode();
        return code._code != null && (code.EnabledState() & SavedState) == SavedState ? code : null;
    }
}
