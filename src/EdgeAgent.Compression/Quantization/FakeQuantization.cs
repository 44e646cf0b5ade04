using System.Runtime.Intrinsics;
using EdgeAgent.Compression.Runtime;
using TorchSharp;
using static EdgeAgent.Compression.Runtime.Bfloat16Memory;
using static TorchSharp.torch;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Quantization;

/// <summary>
/// Rounds a feature map in bfloat16 to the steps of its quantization, one pass forwards and one backwards: round(clamp(x) / scale)
/// scale, with the gradient of the clamp (Jacob et al., 2018). bfloat16 has eight bits, the steps of one sign seven or eight: what
/// it rounds again is half a step at most, and less towards zero.
/// </summary>
internal sealed unsafe class FakeQuantization : autograd.SingleTensorFunction<FakeQuantization>
{
    private const string Kept = "kept";

    public override string Name => nameof(FakeQuantization);

    private sealed record Steps(float Low, float High, float Scale);

    /// <param name="x">See <see cref="Holds"/>.</param>
    public static Tensor Run(Tensor x, float low, float high, float scale) => apply(x, new Steps(low, high, scale));

    /// <summary>The smallest and the largest element.</summary>
    public static (float Low, float High) RangeOf(Tensor x)
    {
        float[] lows = new float[Ranges], highs = new float[Ranges];
        Array.Fill(lows, float.PositiveInfinity);
        Array.Fill(highs, float.NegativeInfinity);
        var from = Of(x);
        ForRanges(checked((int)x.numel()), Lanes, 1, get_num_threads(), (range, first, count) =>
        {
            var (low, high) = (Vector512.Create(float.PositiveInfinity), Vector512.Create(float.NegativeInfinity));
            var i = first;
            for (; i + Lanes <= first + count; i += Lanes)
            {
                var value = Load(from + i);
                (low, high) = (Vector512.Min(low, value), Vector512.Max(high, value));
            }
            for (var lane = 0; lane < Lanes; lane++)
                (lows[range], highs[range]) = (Math.Min(lows[range], low[lane]), Math.Max(highs[range], high[lane]));
            for (; i < first + count; i++)
                (lows[range], highs[range]) = (Math.Min(lows[range], ToFloat(from[i])), Math.Max(highs[range], ToFloat(from[i])));
        });
        GC.KeepAlive(x);
        return (lows.Min(), highs.Max());
    }

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (x, steps) = ((Tensor)vars[0], (Steps)vars[1]);
        var y = Like(x);
        ushort* from = Of(x), to = Of(y);
        var inverse = 1 / steps.Scale;
        ForRanges(checked((int)x.numel()), Lanes, 1, get_num_threads(), (_, first, count) =>
        {
            var (low, high) = (Vector512.Create(steps.Low), Vector512.Create(steps.High));
            var i = first;
            for (; i + Lanes <= first + count; i += Lanes)
                Store(Vector512.Round(Vector512.Min(high, Vector512.Max(low, Load(from + i))) * inverse) * steps.Scale, to + i);
            for (; i < first + count; i++)
                to[i] = ToBfloat16(MathF.Round(Math.Clamp(ToFloat(from[i]), steps.Low, steps.High) * inverse) * steps.Scale);
        });
        ctx.save_data(Kept, steps);
        ctx.save_for_backward([x]);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        var steps = (Steps)ctx.get_data(Kept);
        var x = ctx.get_saved_variables()[0];
        var (gradient, result) = (Held(grad_output), Like(x));
        ushort* from = Of(x), given = Of(gradient), to = Of(result);
        ForRanges(checked((int)x.numel()), Lanes, 1, get_num_threads(), (_, first, count) =>
        {
            var (low, high) = (Vector512.Create(steps.Low), Vector512.Create(steps.High));
            var i = first;
            for (; i + Lanes <= first + count; i += Lanes)
            {
                var value = Load(from + i);
                Store(Vector512.GreaterThanOrEqual(value, low) & Vector512.LessThanOrEqual(value, high) & Load(given + i), to + i);
            }
            for (; i < first + count; i++)
                to[i] = ToFloat(from[i]) >= steps.Low && ToFloat(from[i]) <= steps.High ? given[i] : (ushort)0;
        });
        GC.KeepAlive(x);
        GC.KeepAlive(gradient);
        return [result, null!];
    }
}
