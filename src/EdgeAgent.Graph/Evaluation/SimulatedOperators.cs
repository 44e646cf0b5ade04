using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>The int8 operators in float64. <c>F(..)</c> marks the roundings to float32 of the definition.</summary>
internal static class SimulatedOperators
{
    public static SimulatedTensor Run(QuantizedStep step, SimulatedTensor[] inputs, int[] shape)
    {
        if (step.Constant is { } constant)
            return SimulatedTensor.OfIntegers(Array.ConvertAll(constant, q => (int)q), shape, step.Quantization!.Value);
        var x = inputs[0];
        return step.Node.Op switch
        {
            QuantizeLinear => x.Integers.Length > 0 ? Clamped(step, x) : Quantize(step, x),
            DequantizeLinear => SimulatedTensor.OfFloats(Floats(x), shape),
            Conv conv => Layer(step, SimulatedPatches.Convolution(conv, x, step.Weights!, shape), x, shape),
            Gemm => Layer(step, SimulatedPatches.Dense(x, step.Weights!), x, shape),
            Add => Sum(step, inputs, 1, shape),
            Sub => Sum(step, inputs, -1, shape),
            Mul => Product(step, inputs, shape),
            AveragePool pool => Average(step, SimulatedPatches.Windows(pool.Window, x, shape), pool.CountIncludePad, x, shape),
            GlobalAveragePool => Average(step, SimulatedPatches.WholePlanes(x), false, x, shape),
            Softmax softmax when step.Quantization is null => SoftmaxOf(softmax, x, shape),
            ArgMax max => SimulatedTensor.OfFloats([.. Reductions.ArgMax(max.Axis < 0 ? max.Axis + x.Shape.Length : max.Axis, Tensor.Of(Floats(x), x.Shape), shape).Longs.Select(i => (float)i)], shape),
            Cast cast when step.Quantization is null => SimulatedTensor.OfFloats(cast.To == ElementType.Float32 ? Floats(x) : Array.ConvertAll(Floats(x), MathF.Truncate), shape),
            Reshape or Flatten or Identity when step.Quantization is null => SimulatedTensor.OfFloats(Floats(x), shape),
            _ => Moved(step, inputs, shape),
        };
    }

    private static float[] Floats(SimulatedTensor x) => x.Integers.Length > 0 ? [.. x.Centred().Select(q => F(q * x.Quantization.Scale))] : x.Floats;

    private static SimulatedTensor Quantize(QuantizedStep step, SimulatedTensor x)
    {
        var quantization = step.Quantization!.Value;
        var integers = Array.ConvertAll(x.Floats, v => float.IsNaN(v) ? 0 : Round(F((double)v / quantization.Scale), 0, 255, quantization));
        return SimulatedTensor.OfIntegers(integers, x.Shape, quantization);
    }

    /// <summary>Accumulators [M, positions] to the output: requantized, or dequantized at the head.</summary>
    private static SimulatedTensor Layer(QuantizedStep step, double[] accumulators, SimulatedTensor x, int[] shape)
    {
        var scales = step.Weights!.Scales;
        var positions = accumulators.Length / scales.Length;
        if (step.Quantization is null)
        {
            var logits = new float[accumulators.Length];
            for (var i = 0; i < logits.Length; i++)
                logits[i] = F((double)F(accumulators[i]) * F((double)x.Quantization.Scale * scales[i / positions]));
            return SimulatedTensor.OfFloats(logits, shape);
        }
        var (quantization, low, high) = Target(step);
        var integers = new int[accumulators.Length];
        for (var m = 0; m < scales.Length; m++)
        {
            var factor = F((double)x.Quantization.Scale * scales[m] / quantization.Scale);
            for (var i = m * positions; i < (m + 1) * positions; i++)
                integers[i] = Round(F((double)F(accumulators[i]) * factor), low, high, quantization);
        }
        return SimulatedTensor.OfIntegers(integers, shape, quantization);
    }

    private static SimulatedTensor Sum(QuantizedStep step, SimulatedTensor[] inputs, int sign, int[] shape)
    {
        var (quantization, low, high) = Target(step);
        var (a, b) = (inputs[0].Centred(), inputs[1].Centred());
        var (factorA, factorB) = (F((double)inputs[0].Quantization.Scale / quantization.Scale), F((double)inputs[1].Quantization.Scale / quantization.Scale) * sign);
        return Combined(inputs, shape, quantization, (i, j) => Round(F((double)F(a[i] * factorA) + F(b[j] * factorB)), low, high, quantization));
    }

    private static SimulatedTensor Product(QuantizedStep step, SimulatedTensor[] inputs, int[] shape)
    {
        var (quantization, low, high) = Target(step);
        var (a, b) = (inputs[0].Centred(), inputs[1].Centred());
        var factor = F((double)inputs[0].Quantization.Scale * inputs[1].Quantization.Scale / quantization.Scale);
        return Combined(inputs, shape, quantization, (i, j) => Round(F((double)F(a[i] * b[j]) * factor), low, high, quantization));
    }

    private static SimulatedTensor Combined(SimulatedTensor[] inputs, int[] shape, ActivationQuantization quantization, Func<int, int, int> combine)
    {
        var (left, right) = (Broadcasting.Indices(inputs[0].Shape, shape), Broadcasting.Indices(inputs[1].Shape, shape));
        var integers = new int[left.Length];
        for (var i = 0; i < integers.Length; i++)
            integers[i] = combine(left[i], right[i]);
        return SimulatedTensor.OfIntegers(integers, shape, quantization);
    }

    private static SimulatedTensor Average(QuantizedStep step, IEnumerable<SimulatedWindow> windows, bool countPadding, SimulatedTensor x, int[] shape)
    {
        var (quantization, low, high) = Target(step);
        var values = x.Centred();
        var integers = new List<int>();
        foreach (var window in windows)
        {
            var sum = 0.0;
            foreach (var index in window.Inside)
                sum += values[index];
            double count = countPadding ? window.PaddedCount : window.Inside.Count;
            var factor = F(x.Quantization.Scale / (quantization.Scale * count));
            integers.Add(Round(F((double)F(sum) * factor), low, high, quantization));
        }
        return SimulatedTensor.OfIntegers([.. integers], shape, quantization);
    }

    /// <summary>Operators that move or select elements, and functions of one variable; then, where it differs, the output's quantization.</summary>
    private static SimulatedTensor Moved(QuantizedStep step, SimulatedTensor[] inputs, int[] shape)
    {
        var x = inputs[0];
        var target = step.Quantization ?? throw step.Fault("its result must be quantized");
        switch (step.Node.Op)
        {
            case Concat concat:
                return Clamped(step, Joined(concat, inputs, shape, target));
            case MaxPool pool:
                return Clamped(step, x with { Shape = shape, Integers = [.. SimulatedPatches.Windows(pool.Window, x, shape).Select(w => w.Inside.Max(i => x.Integers[i]))] });
            case GlobalMaxPool:
                return Clamped(step, x with { Shape = shape, Integers = [.. SimulatedPatches.WholePlanes(x).Select(w => w.Inside.Max(i => x.Integers[i]))] });
            case Reshape or Flatten or Identity:
                return Clamped(step, x with { Shape = shape });
            case Transpose transpose:
                var moved = new int[x.Integers.Length];
                Layout.Transpose<int>(transpose.Permutation, x.Integers, x.Shape, moved);
                return Clamped(step, x with { Shape = shape, Integers = moved });
            case StridedSlice slice:
                var picked = new int[shape.Aggregate(1, (a, d) => a * d)];
                Layout.Slice<int>(SliceRanges.Of(slice, x.Shape), x.Integers, x.Shape, picked);
                return Clamped(step, x with { Shape = shape, Integers = picked });
            case Pad pad:
                var padded = new int[shape.Aggregate(1, (a, d) => a * d)];
                var border = (int)Math.Clamp(Math.Round(pad.Value / (double)x.Quantization.Scale, MidpointRounding.ToEven) + x.Quantization.ZeroPoint, 0, 255);
                Layout.Pad(pad.Pads, border, x.Integers, x.Shape, padded, shape);
                return Clamped(step, x with { Shape = shape, Integers = padded });
            case UnaryOperator:
                return Mapped(x, shape, target, v => Function(step.Node.Op, v), step.Bounds);
            default:
                throw step.Fault("has no int8 definition");
        }
    }

    private static SimulatedTensor Clamped(QuantizedStep step, SimulatedTensor x)
    {
        var target = step.Quantization!.Value;
        return step.Bounds is null && x.Quantization == target ? x : Mapped(x, x.Shape, target, v => v, step.Bounds);
    }

    /// <summary>The rule of tables: dequantize, apply, quantize, all in float64.</summary>
    private static SimulatedTensor Mapped(SimulatedTensor x, int[] shape, ActivationQuantization target, Func<double, double> function, (double Min, double Max)? bounds)
    {
        var integers = new int[x.Integers.Length];
        for (var i = 0; i < integers.Length; i++)
        {
            var value = function(x.Quantization.Scale * (double)(x.Integers[i] - x.Quantization.ZeroPoint));
            if (bounds is var (min, max))
                value = Math.Min(Math.Max(value, min), max);
            integers[i] = (int)Math.Clamp(Math.Round(value / target.Scale, MidpointRounding.ToEven) + target.ZeroPoint, 0, 255);
        }
        return SimulatedTensor.OfIntegers(integers, shape, target);
    }

    private static SimulatedTensor Joined(Concat concat, SimulatedTensor[] inputs, int[] shape, ActivationQuantization target)
    {
        var axis = concat.Axis < 0 ? concat.Axis + shape.Length : concat.Axis;
        var integers = new int[shape.Aggregate(1, (a, d) => a * d)];
        var offset = 0;
        foreach (var input in inputs)
        {
            var factor = F((double)input.Quantization.Scale / target.Scale);
            var part = input.Quantization == target ? input.Integers : [.. input.Centred().Select(q => Round(F(q * factor), 0, 255, target))];
            Layout.Place<int>(part, input.Shape, axis, offset, integers, shape[axis]);
            offset += input.Shape[axis];
        }
        return SimulatedTensor.OfIntegers(integers, shape, target);
    }

    private static SimulatedTensor SoftmaxOf(Softmax softmax, SimulatedTensor x, int[] shape)
    {
        var result = Tensor.Of(new float[x.Floats.Length + x.Integers.Length], shape);
        var floats = Floats(x);
        Softmaxing.Run(softmax.Axis < 0 ? softmax.Axis + shape.Length : softmax.Axis, Tensor.Of(floats, shape), result, new());
        return SimulatedTensor.OfFloats(result.Floats, shape);
    }

    private static double Function(Operator op, double x) => op switch
    {
        Relu => x > 0 ? x : 0,
        Clip clip => Math.Min(Math.Max(x, clip.Min), clip.Max),
        LeakyRelu leaky => x >= 0 ? x : leaky.Alpha * x,
        Sigmoid => 1 / (1 + Math.Exp(-x)),
        HardSigmoid hard => Math.Min(Math.Max(hard.Alpha * x + hard.Beta, 0), 1),
        HardSwish => x * Math.Min(Math.Max(x / 6 + 0.5, 0), 1),
        Tanh => Math.Tanh(x),
        // Mathematics of the framework, the same whoever calls it.
        _ => UnaryFunctions.Of(op)?.Invoke(x) ?? throw new InvalidOperationException($"{op.Type} is no function of one variable"),
    };

    /// <summary>The output's quantization and the bounds that a clamp puts on q.</summary>
    private static (ActivationQuantization Quantization, int Low, int High) Target(QuantizedStep step)
    {
        var quantization = step.Quantization ?? throw step.Fault("its result must be quantized");
        if (step.Bounds is not var (min, max))
            return (quantization, 0, 255);
        int Level(double v) => (int)Math.Clamp(Math.Round(v / quantization.Scale, MidpointRounding.ToEven) + quantization.ZeroPoint, 0, 255);
        return (quantization, Level(min), Level(max));
    }

    /// <summary>rne(clamp(v, lo - z, hi - z)) + z</summary>
    private static int Round(float value, int low, int high, ActivationQuantization target) =>
        (int)Math.Round(Math.Min(Math.Max((double)value, low - target.ZeroPoint), high - target.ZeroPoint), MidpointRounding.ToEven) + target.ZeroPoint;

    private static float F(double value) => (float)value;
}
