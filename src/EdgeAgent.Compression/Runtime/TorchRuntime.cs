using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TorchSharp;

namespace EdgeAgent.Compression.Runtime;

/// <summary>
/// Settings of the process that decide training speed; made by the program itself, before libtorch is loaded.
/// Measured on a 2-core AVX-512 machine: without the allocator settings a training step takes up to four times as long,
/// with libgomp's spinning threads and another busy process up to ten times.
/// </summary>
public static partial class TorchRuntime
{
    private const int MallocTrimThreshold = -1, MallocTopPad = -2, MallocMmapMax = -4;
    private static readonly Lock Gate = new();
    private static bool _prepared;

    /// <summary>
    /// bfloat16 pays only where the CPU multiplies it in hardware; elsewhere libtorch emulates it, slower than float32.
    /// </summary>
    public static bool HasBfloat16 { get; } = DetectBfloat16();

    /// <summary>Prepares allocator, OpenMP and libtorch; every entry point of the project calls it. Idempotent.</summary>
    /// <param name="threads">Threads for libtorch; 0 takes all processors. Results are reproducible for equal numbers only.</param>
    public static void Prepare(int threads = 0)
    {
        lock (Gate)
        {
            if (!_prepared)
            {
                if (OperatingSystem.IsLinux())
                    PrepareLibc();
                torch.set_grad_enabled(true);
                _prepared = true;
            }
            torch.set_num_threads(threads > 0 ? threads : Environment.ProcessorCount);
        }
    }

    private static void PrepareLibc()
    {
        // Environment.SetEnvironmentVariable changes .NET's copy only; libgomp reads libc's when it is loaded.
        _ = SetEnvironment("OMP_WAIT_POLICY", "passive", 1);
        try
        {
            // Keep freed tensors in the heap: otherwise each large one is mapped, zeroed page by page and unmapped again.
            _ = MallocOption(MallocMmapMax, 0);
            _ = MallocOption(MallocTrimThreshold, int.MaxValue);
            _ = MallocOption(MallocTopPad, 256 << 20);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no mallopt; training works there, only slower.
        }
    }

    private static bool DetectBfloat16()
    {
        if (!X86Base.IsSupported)
            return false;
        const int avx512Bf16 = 1 << 5, avx512Bw = 1 << 30;
        var (_, leaf7Ebx, _, _) = X86Base.CpuId(7, 0);
        var (leaf7Sub1Eax, _, _, _) = X86Base.CpuId(7, 1);
        // Avx512BW.IsSupported also tells that the operating system saves the registers.
        return Avx512BW.IsSupported && (leaf7Ebx & avx512Bw) != 0 && (leaf7Sub1Eax & avx512Bf16) != 0;
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallocOption(int parameter, int value);
}
