using EdgeAgent.Contracts.Devices;

namespace EdgeAgent.Contracts.Costs;

/// <summary>
/// Starting values of a profile's cost model, before any device has reported: peak rates and memory bandwidth of the
/// profile times the share of them that kernels usually reach, scaled so that published latencies of known networks
/// on the board come out right where there are any.
/// </summary>
public static class PublishedCost
{
    // Shares of the peak that int8 kernels of small CNNs reach, by term; general knowledge, replaced by the first fit.
    private const double ConvShare = 0.5, PointwiseShare = 0.5, FirstShare = 0.25, DepthwiseShare = 0.1, DenseShare = 0.25;

    // A thread beyond the first is worth this much of it.
    private const double ThreadShare = 0.8;

    /// <param name="profile">The board.</param>
    /// <param name="precision">int8 or float32.</param>
    /// <param name="threads">At most the board's cores count.</param>
    public static CostModel Of(DeviceProfile profile, string precision = "int8", int threads = 1)
    {
        var cores = Math.Clamp(threads, 1, (int)profile.Cpu.Cores.Value);
        var speedUp = 1 + ThreadShare * (cores - 1);
        var macsPerCycle = precision == "int8" ? profile.Cpu.Int8MacsPerCycle : profile.Cpu.Float32MacsPerCycle;
        var megaMacsPerUs = macsPerCycle.Value * profile.Cpu.ClockGhz.Value / 1000;
        var byteScale = precision == "int8" ? 1 : 4;
        var usPerMegabyte = 1000 / profile.Memory.CopyGBps.Value * byteScale;
        var cycleUs = 0.001 / profile.Cpu.ClockGhz.Value;

        var us = new double[CostFeatures.Count];
        us[(int)CostTerm.Inference] = 5_000 * cycleUs;
        us[(int)CostTerm.Operator] = 2_000 * cycleUs;
        us[(int)CostTerm.FirstMacs] = 1 / (megaMacsPerUs * FirstShare * speedUp);
        us[(int)CostTerm.ConvMacs] = 1 / (megaMacsPerUs * ConvShare * speedUp);
        us[(int)CostTerm.PointwiseMacs] = 1 / (megaMacsPerUs * PointwiseShare * speedUp);
        us[(int)CostTerm.DepthwiseMacs] = 1 / (megaMacsPerUs * DepthwiseShare * speedUp);
        us[(int)CostTerm.DenseMacs] = 1 / (megaMacsPerUs * DenseShare * speedUp);
        us[(int)CostTerm.ActivationBytes] = usPerMegabyte / 4;
        us[(int)CostTerm.WeightBytes] = usPerMegabyte / 4;

        var scale = Anchor(profile, precision, threads, us);
        for (var i = 0; i < us.Length; i++)
            us[i] *= scale;
        var power = profile.Power;
        return new CostModel
        {
            Profile = profile.Id,
            Engine = precision == "int8" ? profile.Int8.Engine : EngineKind.Onnxruntime,
            Precision = precision,
            Threads = threads,
            UsPerUnit = us,
            // Idle and all-cores power are known; in between it is taken as linear in the busy cores.
            ActiveW = power.IdleW.Value + (power.ActiveW.Value - power.IdleW.Value) * cores / profile.Cpu.Cores.Value,
            Source = CostSource.Published,
        };
    }

    /// <summary>Geometric mean of published / predicted over the profile's published latencies that fit.</summary>
    private static double Anchor(DeviceProfile profile, string precision, int threads, double[] us)
    {
        double logs = 0;
        var count = 0;
        foreach (var published in profile.Published)
        {
            if (published.Precision != precision || published.Threads != threads || !Networks.TryGetValue(published.Network, out var features))
                continue;
            double predicted = 0;
            for (var i = 0; i < us.Length; i++)
                predicted += us[i] * features[i];
            logs += Math.Log(published.Ms * 1000 / predicted);
            count++;
        }
        return count == 0 ? 1 : Math.Exp(logs / count);
    }

    // Terms in the order of CostTerm. MobileNet v1 1.0 at 224 (Howard et al. 2017): 569 MMAC of which 10.8 in the first
    // layer, 17.3 depthwise, 539.6 pointwise, 1.0 dense; 28 operators after fusion and a pool; 10.1 MB of activations
    // read and written; 4.2 MB of weights.
    private static readonly Dictionary<string, double[]> Networks = new()
    {
        ["mobilenet-v1-1.0-224"] = [1, 29, 10.8, 0, 539.6, 17.3, 1.0, 10.1, 4.2],
    };
}
