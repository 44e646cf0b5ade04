using System.Text.Json;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Device.Storage;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Roofline;

namespace EdgeAgent.Device.Hardware;

/// <summary>The peaks of this machine's core, measured at the first start in about a quarter of a second and kept on disk.</summary>
internal static class RooflineFile
{
    /// <summary>What the file holds, or a new measurement where it is missing, damaged or of other kernels.</summary>
    /// <param name="path">In the state folder.</param>
    public static RooflineReport LoadOrMeasure(string path)
    {
        var kernels = KernelSet.Default;
        if (Load(path) is { } kept && kept.KernelSet == kernels.Name)
            return kept;
        var measured = Measure(kernels);
        DurableFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(measured, ContractsJson.Default.RooflineReport));
        return measured;
    }

    public static RooflineReport Measure(KernelSet kernels)
    {
        var roofline = CoreRoofline.Measure(kernels);
        return new(
            roofline.KernelSet, roofline.Int8GigaMacs, roofline.Float32GigaMacs, [.. roofline.Reads.Select(r => new ReadRateReport(r.Bytes, r.GigabytesPerSecond))],
            roofline.CopyGigabytesPerSecond, roofline.FillGigabytesPerSecond);
    }

    private static RooflineReport? Load(string path)
    {
        try
        {
            return DurableFile.Read(path) is { } json ? JsonSerializer.Deserialize(json, ContractsJson.Default.RooflineReport) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
