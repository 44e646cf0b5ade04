using System.Runtime.InteropServices;
using EdgeAgent.Int8.Kernels;
using EdgeAgent.Int8.Kernels.Scalar;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Execution;

/// <summary>Turns the operators of a plan into steps of a kernel set over the tensors of an arena.</summary>
internal sealed unsafe class StepCompiler(PlanModel model, ArenaLayout layout, byte* arena, KernelSet kernels, InputSource source)
{
    private readonly List<Step> _steps = [];
    private readonly List<int> _operatorOf = [];

    /// <summary>The steps in order, and for each the index of its operator.</summary>
    public (Step[] Steps, int[] OperatorOf) Compile()
    {
        for (var i = 0; i < model.Steps.Count; i++)
        {
            var before = _steps.Count;
            Add(model.Steps[i]);
            var place = layout.Places[model.Steps[i].Output];
            if (place.HasBorder)
                _steps[before] = new BorderedStep(_steps[before], View(model.Steps[i].Output), place);
            while (_operatorOf.Count < _steps.Count)
                _operatorOf.Add(i);
        }
        return ([.. _steps], [.. _operatorOf]);
    }

    private void Add(PlanOperator op)
    {
        if (op is Concatenation concatenation)
        {
            AddConcatenation(concatenation);
            return;
        }
        _steps.Add(op switch
        {
            QuantizeInput q => kernels.Quantize(source, View(q.Output)),
            Convolution c => ConvolutionStep(c),
            Elementwise e => kernels.Elementwise(new(View(e.Inputs[0]), View(e.Inputs[1]), View(e.Output), e.Kind, e.Bounds)),
            MaxPooling p => kernels.MaxPooling(new(View(p.Inputs[0]), View(p.Output), p.Window, false, ActivationBounds.None)),
            AveragePooling p => kernels.AveragePooling(new(View(p.Inputs[0]), View(p.Output), p.Window, p.CountIncludePad, p.Bounds)),
            Padding p => new PaddingStep(View(p.Inputs[0]), View(p.Output), p.Top, p.Left, p.Value),
            ConstantTensor c => new ConstantStep(model.Bytes(c.Values).ToArray(), View(c.Output)),
            TableLookup t => new TableStep(View(t.Inputs[0]), View(t.Output), model.Bytes(t.Table).ToArray()),
            Reshaping r when model.Tensors[r.Output].Element == PlanElement.Float32 => new FloatReshapeStep(
                Floats(r.Inputs[0]), model.Tensors[r.Inputs[0]].Shape, Floats(r.Output), model.Tensors[r.Output].Shape),
            Reshaping r => new ReshapeStep(View(r.Inputs[0]), View(r.Output)),
            Dequantization d => new DequantizeStep(View(d.Inputs[0]), Floats(d.Output)),
            SoftmaxHead s => new SoftmaxStep(
                Floats(s.Inputs[0]), Floats(s.Output), model.Tensors[s.Output].Shape.Pixels, model.Tensors[s.Output].Shape.Channels),
            ArgMaxHead a => new ArgMaxStep(
                Floats(a.Inputs[0]), Floats(a.Output), model.Tensors[a.Output].Shape.Pixels, model.Tensors[a.Inputs[0]].Shape.Channels),
            _ => throw new InvalidOperationException($"no step for {op.GetType().Name}"),
        });
    }

    private Step ConvolutionStep(Convolution c)
    {
        var floats = model.Tensors[c.Output].Element == PlanElement.Float32 ? Floats(c.Output) : null;
        var task = new ConvolutionTask(
            View(c.Inputs[0]), View(c.Output), floats, c.Window, c.Groups, c.Bounds,
            MemoryMarshal.Cast<byte, sbyte>(model.Bytes(c.Weights)),
            MemoryMarshal.Cast<byte, float>(model.Bytes(c.Scales)),
            MemoryMarshal.Cast<byte, int>(model.Bytes(c.Bias)));
        try
        {
            return kernels.Convolution(task);
        }
        catch (OverflowException)
        {
            throw new PlanFormatException($"plan: operator '{c.Name}' of '{model.Name}' needs more than 2 GiB of packed weights");
        }
    }

    private void AddConcatenation(Concatenation c)
    {
        var offset = 0;
        foreach (var input in c.Inputs)
        {
            var view = View(input);
            _steps.Add(new PlacementStep(view, View(c.Output), c.Axis, offset));
            offset += c.Axis switch { ConcatAxis.Height => view.Height, ConcatAxis.Width => view.Width, _ => view.Channels };
        }
    }

    private float* Floats(int tensor) => (float*)(arena + layout.Places[tensor].Offset);

    private TensorView View(int tensor)
    {
        var (place, t) = (layout.Places[tensor], model.Tensors[tensor]);
        var data = arena + place.Offset + (nint)place.Top * place.RowStride + (nint)place.Left * t.Shape.Channels;
        return new(data, t.Shape, place.RowStride, t.Quantization);
    }
}
