using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Windows of convolutions and pools as Keras configures them.</summary>
internal static class KerasWindows
{
    /// <param name="call">The layer.</param>
    /// <param name="spatial">Sizes of the input's spatial axes.</param>
    /// <param name="kernel">The window's.</param>
    /// <param name="strides">What holds where the configuration has none.</param>
    public static Window Of(KerasCall call, int[] spatial, int[] kernel, int[]? strides = null)
    {
        var axes = kernel.Length;
        strides = call.Config["strides", "subsample", "subsample_length", "stride"].Ints(axes) ?? strides ?? Ones(axes);
        var dilations = call.Config["dilation_rate", "atrous_rate"].Ints(axes) ?? Ones(axes);
        if (kernel.Concat(strides).Concat(dilations).Any(v => v is < 1 or > 1 << 15))
            throw call.Fault($"kernel [{string.Join(',', kernel)}], strides [{string.Join(',', strides)}] and dilations [{string.Join(',', dilations)}] make no window");
        var pads = call.Config["padding", "border_mode"].Text("valid").ToLowerInvariant() switch
        {
            "valid" => new int[2 * axes],
            "same" => Window.SamePads(spatial, kernel, strides, dilations),
            // Everything before, so that an output sees nothing later than itself.
            "causal" when axes == 1 => [(kernel[0] - 1) * dilations[0], 0],
            var other => throw call.Fault($"padding '{ModelImportException.OneLine(other)}' is not supported"),
        };
        return new(kernel, strides, pads, dilations);
    }

    private static int[] Ones(int axes) => Enumerable.Repeat(1, axes).ToArray();
}
